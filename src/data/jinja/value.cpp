#include "data/jinja/value.h"

#include <algorithm>

namespace zebra::jinja {

namespace {

Nesting checked(Nesting nesting) {
  if (nesting.depth > Value::kDeepest) {
    throw Fault{"lists and dicts nested more than " + std::to_string(Value::kDeepest) + " deep"};
  }
  return nesting;
}

}  // namespace

Value Value::list(List items, bool tuple) {
  Nesting nesting{1};
  for (const Value& each : items) nesting.add(each.nesting());
  return Value(Sequence{std::make_shared<const List>(std::move(items)), tuple, checked(nesting)});
}

Value Value::dict(Dict items, bool space) {
  Nesting nesting{1, space};
  for (const auto& [key, each] : items) nesting.add(each.nesting());
  return Value(Mapping{std::make_shared<Dict>(std::move(items)), space, checked(nesting)});
}

Nesting Value::nesting() const {
  if (is_list()) return as<Sequence>().nesting;
  if (is_dict()) return as<Mapping>().nesting;
  if (is<Function>()) return as<Function>().nesting;
  return {};
}

Value Value::of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return Value(nullptr);
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) return Value(json.get<double>());
      return Value(json.get<int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return text(json.get<std::string>());
    case Json::value_t::array: {
      List items;
      for (const Json& each : json) items.push_back(of(each));
      return list(std::move(items));
    }
    default: {
      Dict items;
      for (const auto& [key, each] : json.items()) items.emplace_back(key, of(each));
      return dict(std::move(items));
    }
  }
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return real() != 0;
  if (is_text()) return !text().empty();
  if (is_list()) return !list().empty();
  if (is_dict()) return as<Mapping>().space || !dict().empty();
  return true;
}

std::string Value::type() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is<bool>()) return "bool";
  if (is<int64_t>()) return "int";
  if (is<double>()) return "float";
  if (is_text()) return "str";
  if (is_list()) return as<Sequence>().tuple ? "tuple" : "list";
  if (is_dict()) return as<Mapping>().space ? "namespace" : "dict";
  return "function";
}

const Value* Value::find(const std::string& key) const {
  for (const auto& [name, value] : dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  if (a.is_number() && b.is_number()) return a.real() == b.real();
  if (a.is_text() && b.is_text()) {
    budget.read(static_cast<int64_t>(std::min(a.text().size(), b.text().size())));
    return a.text() == b.text();
  }
  if (a.is_list() && b.is_list()) {
    if (a.as<Sequence>().tuple != b.as<Sequence>().tuple || a.list().size() != b.list().size()) return false;
    if (&a.list() == &b.list()) return true;
    budget.step();
    budget.make(static_cast<int64_t>(a.list().size()));
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(),
                      [&](const Value& x, const Value& y) { return equal(x, y, budget); });
  }
  if (a.is_dict() && b.is_dict()) {
    if (&a.dict() == &b.dict()) return true;
    if (a.as_space() || b.as_space() || a.dict().size() != b.dict().size()) return false;
    budget.step();
    return std::all_of(a.dict().begin(), a.dict().end(), [&](const auto& entry) {
      budget.make(static_cast<int64_t>(b.dict().size() / 4 + 1));
      const Value* other = b.find(entry.first);
      return other != nullptr && equal(entry.second, *other, budget);
    });
  }
  if (a.is<Function>() && b.is<Function>()) return a.as<Function>().call == b.as<Function>().call;
  return false;
}

int compare(const Value& a, const Value& b, Budget& budget) {
  if (a.is_integer() && b.is_integer()) return a.integer() < b.integer() ? -1 : a.integer() > b.integer();
  if (a.is_number() && b.is_number()) return a.real() < b.real() ? -1 : a.real() > b.real();
  if (a.is_text() && b.is_text()) {
    budget.read(static_cast<int64_t>(std::min(a.text().size(), b.text().size())));
    const int order = a.text().compare(b.text());
    return order < 0 ? -1 : order > 0;
  }
  if (a.is_list() && b.is_list()) {
    budget.step();
    for (size_t i = 0; i < std::min(a.list().size(), b.list().size()); ++i) {
      budget.make(1);
      if (!equal(a.list()[i], b.list()[i], budget)) return compare(a.list()[i], b.list()[i], budget);
    }
    return a.list().size() < b.list().size() ? -1 : a.list().size() > b.list().size();
  }
  throw Fault{"values of types " + a.type() + " and " + b.type() + " have no order"};
}

}  // namespace zebra::jinja
