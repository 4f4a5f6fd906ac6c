#include "data/jinja/builtins.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "data/jinja/methods.h"
#include "data/python_text.h"
#include "tokenizer/unicode.h"

namespace zebra::jinja {

namespace {

// Arguments by place or name, in the order of `order`.
class Call {
 public:
  Call(const List& places, const Named& names, std::vector<std::string> order) : given_(order.size()) {
    if (places.size() > order.size()) throw Fault{"expected at most " + std::to_string(order.size()) + " arguments"};
    for (size_t i = 0; i < places.size(); ++i) given_[i] = &places[i];
    for (const auto& [name, value] : names) {
      const auto found = std::find(order.begin(), order.end(), name);
      if (found == order.end()) throw Fault{"unexpected argument \"" + name + "\""};
      given_[static_cast<size_t>(found - order.begin())] = &value;
    }
  }
  bool has(size_t i) const { return given_[i] != nullptr; }
  Value get(size_t i, Value otherwise) const { return has(i) ? *given_[i] : std::move(otherwise); }
  std::string text(size_t i, const char* otherwise) const { return has(i) ? to_text(*given_[i]) : otherwise; }
  int64_t integer(size_t i, int64_t otherwise) const {
    if (!has(i)) return otherwise;
    if (!given_[i]->is_integer()) throw Fault{"expected an integer argument, found " + given_[i]->type()};
    return given_[i]->integer();
  }
  bool truth(size_t i, bool otherwise) const { return has(i) ? given_[i]->truth() : otherwise; }

 private:
  std::vector<const Value*> given_;
};

struct Input {
  const Value& value;
  const List& places;
  const Named& names;
  Budget& budget;
};

Value text_of(std::string text, Budget& budget) {
  budget.make(static_cast<int64_t>(text.size()));
  return Value::text(std::move(text));
}

// "a.b.0" of an element.
Value dotted(const Value& value, const std::string& path, Budget& budget) {
  Value at = value;
  for (const std::string& part : python::split(path, ".")) {
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    at = number ? item(at, Value(static_cast<int64_t>(std::stoll(part))), budget) : item(at, Value::text(part), budget);
  }
  return at;
}

// Jinja sorts texts by their lower case unless told otherwise.
struct Key {
  Value value;
  static Key of(const Value& value, const std::string& path, bool case_sensitive, Budget& budget) {
    Value key = path.empty() ? value : dotted(value, path, budget);
    if (!case_sensitive && key.is_text()) key = text_of(python::lower(key.text()), budget);
    return {std::move(key)};
  }
};

List sorted(const List& items, const std::string& path, bool case_sensitive, bool reverse, Budget& budget) {
  std::vector<std::pair<Key, Value>> keyed;
  for (const Value& each : items) keyed.emplace_back(Key::of(each, path, case_sensitive, budget), each);
  const auto less = [&](const auto& a, const auto& b) {
    budget.step();
    return reverse ? compare(b.first.value, a.first.value) < 0 : compare(a.first.value, b.first.value) < 0;
  };
  std::stable_sort(keyed.begin(), keyed.end(), less);
  List out;
  for (auto& [key, value] : keyed) out.push_back(std::move(value));
  return out;
}

Value to_integer(const Value& value, const Call& call) {
  if (value.is_integer()) return Value(value.integer());
  if (value.is<double>() && std::fabs(value.real()) < 9e18) return Value(static_cast<int64_t>(value.real()));
  if (value.is_text()) {
    std::string digits(python::strip(value.text()));
    std::erase(digits, '_');
    char* end = nullptr;
    const long long number = std::strtoll(digits.c_str(), &end, static_cast<int>(call.integer(1, 10)));
    if (!digits.empty() && *end == 0) return Value(static_cast<int64_t>(number));
    const double real = std::strtod(digits.c_str(), &end);
    if (!digits.empty() && *end == 0 && std::fabs(real) < 9e18) return Value(static_cast<int64_t>(real));
  }
  return call.get(0, Value(int64_t{0}));
}

Value to_real(const Value& value, const Call& call) {
  if (value.is_number()) return Value(value.real());
  if (value.is_text()) {
    const std::string digits(python::strip(value.text()));
    char* end = nullptr;
    const double real = std::strtod(digits.c_str(), &end);
    if (!digits.empty() && *end == 0) return Value(real);
  }
  return call.get(0, Value(0.0));
}

int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_text()) return python::length(value.text());
  if (value.is_list()) return static_cast<int64_t>(value.list().size());
  if (value.is_dict() && !value.as_space()) return static_cast<int64_t>(value.dict().size());
  throw Fault{"a " + value.type() + " has no length"};
}

Value joined(const Input& in) {
  const Call call(in.places, in.names, {"d", "attribute"});
  std::string out;
  bool first = true;
  for (const Value& each : elements(in.value, in.budget)) {
    const std::string part = to_text(call.has(1) ? dotted(each, call.text(1, ""), in.budget) : each);
    in.budget.make(static_cast<int64_t>(part.size()) + 1);
    if (!first) {
      in.budget.make(static_cast<int64_t>(call.text(0, "").size()));
      out += call.text(0, "");
    }
    first = false;
    out += part;
  }
  return Value::text(std::move(out));
}

Value indented(const Input& in) {
  const Call call(in.places, in.names, {"width", "first", "blank"});
  const std::string text = to_text(in.value);
  std::string space;
  if (call.has(0) && call.get(0, {}).is_text()) {
    space = call.text(0, "");
  } else {
    const int64_t width = std::clamp<int64_t>(call.integer(0, 4), 0, 1000);
    space = std::string(static_cast<size_t>(width), ' ');
  }
  std::string out = call.truth(1, false) ? space : "";
  size_t at = 0;
  while (true) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end == std::string::npos ? end : end - at);
    in.budget.make(static_cast<int64_t>(line.size() + space.size() + 1));
    if (at > 0 && (!line.empty() || call.truth(2, false))) out += space;
    out += line;
    if (end == std::string::npos) break;
    out += '\n';
    at = end + 1;
  }
  return Value::text(std::move(out));
}

Value json_text(const Input& in) {
  const Call call(in.places, in.names, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = call.truth(0, false);
  if (call.has(1) && !call.get(1, {}).is_none()) style.indent = std::clamp<int64_t>(call.integer(1, 0), 0, 64);
  const Value separators = call.get(2, Value(nullptr));
  if (separators.is_list() && separators.list().size() == 2) {
    style.item = to_text(separators.list()[0]);
    style.key = to_text(separators.list()[1]);
    style.item_given = true;
  }
  style.sort_keys = call.truth(3, false);
  return text_of(to_json(in.value, style), in.budget);
}

// select, reject and their twins that look at an attribute.
Value selected(const Input& in, bool attribute, bool wanted) {
  List places = in.places;
  std::string path, test;
  if (attribute) {
    if (places.empty()) throw Fault{"expected the name of an attribute"};
    path = to_text(places.front());
    places.erase(places.begin());
  }
  if (!places.empty()) {
    test = to_text(places.front());
    if (!is_test(test)) throw Fault{"test \"" + test + "\" is not part of the chat template subset"};
    places.erase(places.begin());
  }
  List out;
  for (const Value& each : elements(in.value, in.budget)) {
    const Value looked = attribute ? dotted(each, path, in.budget) : each;
    if ((test.empty() ? looked.truth() : apply_test(test, looked, places, in.budget)) == wanted) out.push_back(each);
  }
  return Value::list(std::move(out));
}

Value mapped(const Input& in) {
  List out;
  const Value* path = nullptr;
  const Value* otherwise = nullptr;
  for (const auto& [name, value] : in.names) {
    if (name == "attribute") path = &value;
    if (name == "default") otherwise = &value;
  }
  if (path == nullptr && in.places.empty()) throw Fault{"map expects a filter or attribute="};
  const std::string filter = path != nullptr ? "" : to_text(in.places.front());
  if (path == nullptr && !is_filter(filter))
    throw Fault{"filter \"" + filter + "\" is not part of the chat template subset"};
  const List rest(in.places.begin() + (path != nullptr || in.places.empty() ? 0 : 1), in.places.end());
  for (const Value& each : elements(in.value, in.budget)) {
    if (path == nullptr) {
      out.push_back(apply_filter(filter, each, rest, in.names, in.budget));
    } else {
      Value found = dotted(each, to_text(*path), in.budget);
      out.push_back(found.is_undefined() && otherwise != nullptr ? *otherwise : std::move(found));
    }
  }
  return Value::list(std::move(out));
}

Value extreme(const Input& in, int wanted) {
  const Call call(in.places, in.names, {"case_sensitive", "attribute"});
  const std::string path = call.text(1, "");
  Value best, best_key;
  for (const Value& each : elements(in.value, in.budget)) {
    const Value key = Key::of(each, path, call.truth(0, false), in.budget).value;
    if (best_key.is_undefined() || compare(key, best_key) == wanted) {
      best = each;
      best_key = key;
    }
  }
  return best;
}

Value pairs_of(const Value& value, Budget& budget) {
  if (value.is_undefined()) return Value::list({});
  if (!value.is_dict()) throw Fault{"items of a " + value.type() + ", which has none"};
  List out;
  for (const auto& [key, each] : value.dict()) {
    budget.make(64);
    out.push_back(Value::list({Value::text(key), each}, true));
  }
  return Value::list(std::move(out));
}

Value rounded(const Input& in) {
  const Call call(in.places, in.names, {"precision", "method"});
  if (!in.value.is_number()) throw Fault{"a " + in.value.type() + " cannot be rounded"};
  const std::string method = call.text(1, "common");
  const double scale = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(call.integer(0, 0), -15, 15)));
  const double scaled = in.value.real() * scale;
  const double whole = method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::nearbyint(scaled);
  return Value(whole / scale);
}

using Filter = Value (*)(const Input&);

const std::map<std::string, Filter>& filters() {
  static const std::map<std::string, Filter> table = {
      {"trim",
       [](const Input& in) {
         const Call call(in.places, in.names, {"chars"});
         const std::string text = to_text(in.value);
         return text_of(std::string(call.has(0) && !call.get(0, {}).is_none() ? python::strip(text, call.text(0, ""))
                                                                              : python::strip(text)),
                        in.budget);
       }},
      {"tojson", json_text},
      {"join", joined},
      {"length", [](const Input& in) { return Value(length(in.value)); }},
      {"count", [](const Input& in) { return Value(length(in.value)); }},
      {"default",
       [](const Input& in) {
         const Call call(in.places, in.names, {"default_value", "boolean"});
         const bool replace = in.value.is_undefined() || (call.truth(1, false) && !in.value.truth());
         return replace ? call.get(0, Value::text("")) : in.value;
       }},
      {"first",
       [](const Input& in) {
         const List items = elements(in.value, in.budget);
         return items.empty() ? Value::undefined("the first of nothing") : items.front();
       }},
      {"last",
       [](const Input& in) {
         const List items = elements(in.value, in.budget);
         return items.empty() ? Value::undefined("the last of nothing") : items.back();
       }},
      {"upper", [](const Input& in) { return text_of(python::upper(to_text(in.value)), in.budget); }},
      {"lower", [](const Input& in) { return text_of(python::lower(to_text(in.value)), in.budget); }},
      {"title", [](const Input& in) { return text_of(filter_title(to_text(in.value)), in.budget); }},
      {"capitalize", [](const Input& in) { return text_of(python::capitalize(to_text(in.value)), in.budget); }},
      {"replace",
       [](const Input& in) {
         const Call call(in.places, in.names, {"old", "new", "count"});
         return replaced(to_text(in.value), call.text(0, ""), call.text(1, ""), call.integer(2, -1), in.budget);
       }},
      {"list", [](const Input& in) { return Value::list(elements(in.value, in.budget)); }},
      {"string", [](const Input& in) { return text_of(to_text(in.value), in.budget); }},
      {"safe", [](const Input& in) { return in.value; }},
      {"int", [](const Input& in) { return to_integer(in.value, Call(in.places, in.names, {"default", "base"})); }},
      {"float", [](const Input& in) { return to_real(in.value, Call(in.places, in.names, {"default"})); }},
      {"abs",
       [](const Input& in) {
         if (!in.value.is_number()) throw Fault{"the size of a " + in.value.type()};
         if (in.value.is_integer()) return Value(in.value.integer() < 0 ? -in.value.integer() : in.value.integer());
         return Value(std::fabs(in.value.real()));
       }},
      {"round", rounded},
      {"indent", indented},
      {"items", [](const Input& in) { return pairs_of(in.value, in.budget); }},
      {"dictsort",
       [](const Input& in) {
         const Call call(in.places, in.names, {"case_sensitive", "by", "reverse"});
         const std::string path = call.text(1, "key") == "value" ? "1" : "0";
         return Value::list(sorted(elements(pairs_of(in.value, in.budget), in.budget), path, call.truth(0, false),
                                   call.truth(2, false), in.budget));
       }},
      {"sort",
       [](const Input& in) {
         const Call call(in.places, in.names, {"reverse", "case_sensitive", "attribute"});
         return Value::list(sorted(elements(in.value, in.budget), call.text(2, ""), call.truth(1, false),
                                   call.truth(0, false), in.budget));
       }},
      {"unique",
       [](const Input& in) {
         const Call call(in.places, in.names, {"case_sensitive", "attribute"});
         List out, keys;
         for (const Value& each : elements(in.value, in.budget)) {
           Value key = Key::of(each, call.text(1, ""), call.truth(0, false), in.budget).value;
           in.budget.make(static_cast<int64_t>(keys.size()) * 8);
           if (std::any_of(keys.begin(), keys.end(), [&](const Value& other) { return equal(key, other); })) continue;
           keys.push_back(std::move(key));
           out.push_back(each);
         }
         return Value::list(std::move(out));
       }},
      {"reverse",
       [](const Input& in) {
         List items = elements(in.value, in.budget);
         std::reverse(items.begin(), items.end());
         if (!in.value.is_text()) return Value::list(std::move(items));
         std::string out;
         for (const Value& each : items) out += each.text();
         return Value::text(std::move(out));
       }},
      {"map", mapped},
      {"select", [](const Input& in) { return selected(in, false, true); }},
      {"reject", [](const Input& in) { return selected(in, false, false); }},
      {"selectattr", [](const Input& in) { return selected(in, true, true); }},
      {"rejectattr", [](const Input& in) { return selected(in, true, false); }},
      {"sum",
       [](const Input& in) {
         const Call call(in.places, in.names, {"attribute", "start"});
         Value total = call.get(1, Value(int64_t{0}));
         for (const Value& each : elements(in.value, in.budget)) {
           const Value part =
               call.has(0) && !call.get(0, {}).is_none() ? dotted(each, call.text(0, ""), in.budget) : each;
           total = arithmetic("+", total, part, in.budget);
         }
         return total;
       }},
      {"min", [](const Input& in) { return extreme(in, -1); }},
      {"max", [](const Input& in) { return extreme(in, 1); }},
      {"wordcount",
       [](const Input& in) { return Value(static_cast<int64_t>(python::split_space(to_text(in.value)).size())); }},
      {"escape", [](const Input& in) { return text_of(escaped(to_text(in.value)), in.budget); }},
  };
  return table;
}

const std::string& canonical(const std::string& name) {
  static const std::map<std::string, std::string> aliases = {{"d", "default"}, {"e", "escape"}};
  const auto found = aliases.find(name);
  return found == aliases.end() ? name : found->second;
}

const Value& only(const List& places) {
  if (places.size() != 1) throw Fault{"a test that expects one argument got " + std::to_string(places.size())};
  return places.front();
}

bool sequence(const Value& value) {
  return value.is_list() || value.is_text() || value.is_undefined() || (value.is_dict() && !value.as_space());
}

using Test = bool (*)(const Value&, const List&, Budget&);

const std::map<std::string, Test>& tests() {
  static const auto integer = [](const Value& value) {
    if (!value.is_integer()) throw Fault{"a " + value.type() + " is neither odd nor even"};
    return value.integer();
  };
  static const std::map<std::string, Test> table = {
      {"defined", [](const Value& v, const List&, Budget&) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v, const List&, Budget&) { return v.is_undefined(); }},
      {"none", [](const Value& v, const List&, Budget&) { return v.is_none(); }},
      {"string", [](const Value& v, const List&, Budget&) { return v.is_text(); }},
      {"mapping", [](const Value& v, const List&, Budget&) { return v.is_dict() && !v.as_space(); }},
      {"iterable", [](const Value& v, const List&, Budget&) { return sequence(v); }},
      {"sequence", [](const Value& v, const List&, Budget&) { return sequence(v); }},
      {"number", [](const Value& v, const List&, Budget&) { return v.is_number(); }},
      {"integer", [](const Value& v, const List&, Budget&) { return v.is<int64_t>(); }},
      {"float", [](const Value& v, const List&, Budget&) { return v.is<double>(); }},
      {"boolean", [](const Value& v, const List&, Budget&) { return v.is<bool>(); }},
      {"true", [](const Value& v, const List&, Budget&) { return v.is<bool>() && v.as<bool>(); }},
      {"false", [](const Value& v, const List&, Budget&) { return v.is<bool>() && !v.as<bool>(); }},
      {"callable", [](const Value& v, const List&, Budget&) { return v.is<Function>(); }},
      {"odd", [](const Value& v, const List&, Budget&) { return integer(v) % 2 != 0; }},
      {"even", [](const Value& v, const List&, Budget&) { return integer(v) % 2 == 0; }},
      {"divisibleby",
       [](const Value& v, const List& p, Budget&) {
         if (integer(only(p)) == 0) throw Fault{"division by zero"};
         return integer(v) % integer(only(p)) == 0;
       }},
      {"lower", [](const Value& v, const List&, Budget&) { return method_truth("islower", to_text(v)); }},
      {"upper", [](const Value& v, const List&, Budget&) { return method_truth("isupper", to_text(v)); }},
      {"eq", [](const Value& v, const List& p, Budget&) { return equal(v, only(p)); }},
      {"ne", [](const Value& v, const List& p, Budget&) { return !equal(v, only(p)); }},
      {"lt", [](const Value& v, const List& p, Budget&) { return compare(v, only(p)) < 0; }},
      {"le", [](const Value& v, const List& p, Budget&) { return compare(v, only(p)) <= 0; }},
      {"gt", [](const Value& v, const List& p, Budget&) { return compare(v, only(p)) > 0; }},
      {"ge", [](const Value& v, const List& p, Budget&) { return compare(v, only(p)) >= 0; }},
      {"in", [](const Value& v, const List& p, Budget& b) { return contains(only(p), v, b); }},
      {"sameas",
       [](const Value& v, const List& p, Budget&) { return v.type() == only(p).type() && equal(v, only(p)); }},
  };
  return table;
}

const std::string& canonical_test(const std::string& name) {
  static const std::map<std::string, std::string> aliases = {{"equalto", "eq"}, {"==", "eq"},          {"!=", "ne"},
                                                             {"<", "lt"},       {"lessthan", "lt"},    {"<=", "le"},
                                                             {">", "gt"},       {"greaterthan", "gt"}, {">=", "ge"}};
  const auto found = aliases.find(name);
  return found == aliases.end() ? name : found->second;
}

}  // namespace

bool is_filter(const std::string& name) {
  return filters().contains(canonical(name));
}
bool is_test(const std::string& name) {
  return tests().contains(canonical_test(name));
}

Value apply_filter(const std::string& name, const Value& value, const List& places, const Named& names,
                   Budget& budget) {
  budget.step();
  return filters().at(canonical(name))({value, places, names, budget});
}

bool apply_test(const std::string& name, const Value& value, const List& places, Budget& budget) {
  budget.step();
  return tests().at(canonical_test(name))(value, places, budget);
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
    budget.make(static_cast<int64_t>(value.dict().size() * 4 * sizeof(Value)));
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
  std::vector<size_t> places;
  for (int64_t at = from; by > 0 ? at < to : at > to; at += by) {
    places.push_back(static_cast<size_t>(at));
    if (by > size || by < -size) break;
  }
  budget.make(static_cast<int64_t>(size + static_cast<int64_t>(places.size()) * 16));
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
    budget.make(static_cast<int64_t>(container.text().size()));
    return container.text().find(value.text()) != std::string::npos;
  }
  if (container.is_dict() && !container.as_space()) {
    budget.make(static_cast<int64_t>(container.dict().size()));
    return value.is_text() && container.find(value.text()) != nullptr;
  }
  if (container.is_list()) {
    budget.make(static_cast<int64_t>(container.list().size()));
    return std::any_of(container.list().begin(), container.list().end(),
                       [&](const Value& each) { return equal(each, value); });
  }
  throw Fault{"\"in\" a " + container.type() + ", which holds nothing"};
}

Value global(const std::string& name, std::time_t now, Budget& budget) {
  if (name == "raise_exception") {
    return Value::function([](const List& places, const Named&) -> Value {
      throw Fault{"the template says: " + (places.empty() ? "nothing" : to_text(places.front()))};
    });
  }
  if (name == "strftime_now") {
    return Value::function([now](const List& places, const Named&) {
      if (places.size() != 1 || !places[0].is_text() || places[0].text().size() > 256) {
        throw Fault{"strftime_now expects one short format"};
      }
      char text[4096];
      const std::time_t time = now != 0 ? now : std::time(nullptr);
      std::tm parts{};
      localtime_r(&time, &parts);
      return Value::text(std::string(text, std::strftime(text, sizeof text, places[0].text().c_str(), &parts)));
    });
  }
  if (name == "range") {
    return Value::function([&budget](const List& places, const Named& names) {
      const Call call(places, names, {"", " ", "  "});
      const int64_t step = call.integer(2, 1), begin = call.has(1) ? call.integer(0, 0) : 0;
      const int64_t end = call.has(1) ? call.integer(1, 0) : call.integer(0, 0);
      if (step == 0) throw Fault{"range with a step of 0"};
      // jinja2's sandbox has the same limit.
      const double count = (static_cast<double>(end) - static_cast<double>(begin)) / static_cast<double>(step);
      if (count > 100000) throw Fault{"a range of more than 100000 numbers"};
      List out;
      for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
        budget.make(sizeof(Value));
        out.emplace_back(i);
      }
      return Value::list(std::move(out));
    });
  }
  if (name == "namespace" || name == "dict") {
    const bool space = name == "namespace";
    return Value::function([space](const List& places, const Named& names) {
      Dict items;
      if (!places.empty() && places[0].is_dict()) items = places[0].dict();
      for (const auto& [key, value] : names) {
        if (space && key.starts_with('_')) throw Fault{"a namespace cannot hold \"" + key + "\""};
        const auto found = std::find_if(items.begin(), items.end(), [&](const auto& e) { return e.first == key; });
        if (found != items.end())
          found->second = value;
        else
          items.emplace_back(key, value);
      }
      return Value::dict(std::move(items), space);
    });
  }
  return Value::undefined(name);
}

}  // namespace zebra::jinja
