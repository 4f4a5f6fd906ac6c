// What is in a value: elements, attributes, slices.
#include <algorithm>

#include "data/jinja/builtins.h"
#include "data/jinja/methods.h"
#include "data/python_text.h"
#include "tokenizer/unicode.h"

namespace zebra::jinja {

int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_text()) return python::length(value.text());
  if (value.is_list()) return static_cast<int64_t>(value.list().size());
  if (value.is_dict() && !value.as_space()) return static_cast<int64_t>(value.dict().size());
  throw Fault{"a " + value.type() + " has no length"};
}

void pay(const Dict& items, Budget& budget) {
  for (const auto& [key, each] : items) budget.make(static_cast<int64_t>(key.size() + sizeof(Dict::value_type)));
}

List elements(const Value& value, Budget& budget) {
  List out;
  if (value.is_undefined()) return out;
  if (value.is_list()) {
    budget.make(static_cast<int64_t>(value.list().size() * sizeof(Value)));
    return value.list();
  }
  if (value.is_text()) {
    budget.make(static_cast<int64_t>(value.text().size() * 4 * sizeof(Value)));
    for (size_t at = 0; at < value.text().size();) {
      const size_t bytes = unicode::decode(value.text(), at).bytes;
      out.push_back(Value::text(value.text().substr(at, bytes)));
      at += bytes;
    }
    return out;
  }
  if (value.is_dict() && !value.as_space()) {
    pay(value.dict(), budget);
    for (const auto& [key, each] : value.dict()) out.push_back(Value::text(key));
    return out;
  }
  throw Fault{"a " + value.type() + " cannot be looped over"};
}

Value item(const Value& value, const Value& key, Budget& budget) {
  if (value.is_undefined()) throw Fault{"\"" + value.as<Undefined>().name + "\" is undefined"};
  if (value.is_dict() && key.is_text()) {
    budget.make(static_cast<int64_t>(value.dict().size() / 4));
    if (const Value* found = value.find(key.text())) return *found;
    return value.as_space() ? Value::undefined(key.text()) : method(value, key.text(), budget);
  }
  if (key.is_integer() && (value.is_list() || value.is_text())) {
    const int64_t size = length(value), place = key.integer() < 0 ? key.integer() + size : key.integer();
    if (place < 0 || place >= size) return Value::undefined("element " + std::to_string(key.integer()));
    if (value.is_list()) return value.list()[static_cast<size_t>(place)];
    budget.make(size);
    size_t at = 0;
    for (int64_t i = 0; i < place; ++i) at += unicode::decode(value.text(), at).bytes;
    return Value::text(value.text().substr(at, unicode::decode(value.text(), at).bytes));
  }
  if (key.is_text()) return method(value, key.text(), budget);
  return Value::undefined("an element");
}

Value attribute(const Value& value, const std::string& name, Budget& budget) {
  if (value.is_undefined()) throw Fault{"\"" + value.as<Undefined>().name + "\" is undefined"};
  if (value.is_dict() && !value.as_space()) {
    Value bound = method(value, name, budget);
    if (!bound.is_undefined()) return bound;
  }
  return item(value, Value::text(name), budget);
}

Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget) {
  if (value.is_undefined()) throw Fault{"\"" + value.as<Undefined>().name + "\" is undefined"};
  if (!value.is_list() && !value.is_text()) throw Fault{"a " + value.type() + " cannot be sliced"};
  const auto number = [](const Value& v, int64_t otherwise) {
    if (v.is_none() || v.is_undefined()) return otherwise;
    if (!v.is_integer()) throw Fault{"a slice expects integers, found " + v.type()};
    return v.integer();
  };
  const auto size = length(value);
  const int64_t by = number(step, 1);
  if (by == 0) throw Fault{"a slice of step 0"};
  const auto place = [&](const Value& v, int64_t otherwise) {
    int64_t at = number(v, otherwise);
    if (v.is_none() || v.is_undefined()) return at;
    if (at < 0) at = std::max(at, -size - 1) + size;
    return by > 0 ? std::clamp<int64_t>(at, 0, size) : std::clamp<int64_t>(at, -1, size - 1);
  };
  const int64_t from = place(begin, by > 0 ? 0 : size - 1), to = place(end, by > 0 ? size : -1);
  const int64_t count = by > 0 ? (to - from) / by + 1 : (from - to) / -std::max(by, -size - 1) + 1;
  budget.make(size * 4 + std::max<int64_t>(count, 0) * static_cast<int64_t>(sizeof(Value)));
  std::vector<size_t> places;
  for (int64_t at = from; by > 0 ? at < to : at > to; at += by) {
    places.push_back(static_cast<size_t>(at));
    if (by > size || by < -size) break;
  }
  if (value.is_list()) {
    List out;
    for (const size_t at : places) out.push_back(value.list()[at]);
    return Value::list(std::move(out), value.as<Sequence>().tuple);
  }
  const std::u32string characters = unicode::to_utf32(value.text());
  std::u32string out;
  for (const size_t at : places) out += characters[at];
  return Value::text(unicode::to_utf8(out));
}

bool contains(const Value& container, const Value& value, Budget& budget) {
  if (container.is_undefined()) return false;
  if (container.is_text()) {
    if (!value.is_text()) throw Fault{"\"in\" a text expects a text, found " + value.type()};
    budget.search(container.text(), value.text());
    return container.text().find(value.text()) != std::string::npos;
  }
  if (container.is_dict() && !container.as_space()) {
    budget.make(static_cast<int64_t>(container.dict().size()));
    return value.is_text() && container.find(value.text()) != nullptr;
  }
  if (container.is_list()) {
    budget.make(static_cast<int64_t>(container.list().size()));
    return std::any_of(container.list().begin(), container.list().end(),
                       [&](const Value& each) { return equal(each, value, budget); });
  }
  throw Fault{"\"in\" a " + container.type() + ", which holds nothing"};
}

}  // namespace zebra::jinja
