#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "data/jinja/builtins.h"
#include "data/jinja/call.h"
#include "data/jinja/methods.h"
#include "data/python_text.h"

namespace zebra::jinja {

namespace {

struct Input {
  const Value& value;
  const List& places;
  const Named& names;
  Budget& budget;

  std::string text() const { return to_text(value, budget); }
  Call call(std::vector<std::string> order) const { return Call(places, names, std::move(order), budget); }
};

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
    if (!case_sensitive && key.is_text()) key = paid_text(python::lower(key.text()), budget);
    return {std::move(key)};
  }
};

List sorted(const List& items, const std::string& path, bool case_sensitive, bool reverse, Budget& budget) {
  std::vector<std::pair<Key, Value>> keyed;
  for (const Value& each : items) keyed.emplace_back(Key::of(each, path, case_sensitive, budget), each);
  const auto less = [&](const auto& a, const auto& b) {
    budget.step();
    return reverse ? compare(b.first.value, a.first.value, budget) < 0
                   : compare(a.first.value, b.first.value, budget) < 0;
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
    const int64_t base = call.integer(1, 10);
    if (base != 0 && (base < 2 || base > 36)) {
      throw Fault{"int expects a base of 0 or from 2 to 36, found " + std::to_string(base)};
    }
    char* end = nullptr;
    const long long number = std::strtoll(digits.c_str(), &end, static_cast<int>(base));
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

Value joined(const Input& in) {
  const Call call = in.call({"d", "attribute"});
  std::string out;
  bool first = true;
  for (const Value& each : elements(in.value, in.budget)) {
    const std::string part = to_text(call.has(1) ? dotted(each, call.text(1, ""), in.budget) : each, in.budget);
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
  const Call call = in.call({"width", "first", "blank"});
  const std::string text = in.text();
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
  const Call call = in.call({"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = call.truth(0, false);
  if (call.has(1) && !call.get(1, {}).is_none()) style.indent = std::clamp<int64_t>(call.integer(1, 0), 0, 64);
  const Value separators = call.get(2, Value(nullptr));
  if (separators.is_list() && separators.list().size() == 2) {
    style.item = to_text(separators.list()[0], in.budget);
    style.key = to_text(separators.list()[1], in.budget);
    style.item_given = true;
  }
  style.sort_keys = call.truth(3, false);
  return Value::text(to_json(in.value, style, in.budget));
}

// select, reject and their twins that look at an attribute.
Value selected(const Input& in, bool attribute, bool wanted) {
  in.budget.make(static_cast<int64_t>(in.places.size() * sizeof(Value)));
  List places = in.places;
  std::string path, test;
  if (attribute) {
    if (places.empty()) throw Fault{"expected the name of an attribute"};
    path = to_text(places.front(), in.budget);
    places.erase(places.begin());
  }
  if (!places.empty()) {
    test = to_text(places.front(), in.budget);
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
  const std::string filter = path != nullptr ? "" : to_text(in.places.front(), in.budget);
  if (path == nullptr && !is_filter(filter))
    throw Fault{"filter \"" + filter + "\" is not part of the chat template subset"};
  in.budget.make(static_cast<int64_t>(in.places.size() * sizeof(Value)));  // what a map of maps hands on
  const List rest(in.places.begin() + (path != nullptr || in.places.empty() ? 0 : 1), in.places.end());
  for (const Value& each : elements(in.value, in.budget)) {
    if (path == nullptr) {
      out.push_back(apply_filter(filter, each, rest, in.names, in.budget));
    } else {
      Value found = dotted(each, to_text(*path, in.budget), in.budget);
      out.push_back(found.is_undefined() && otherwise != nullptr ? *otherwise : std::move(found));
    }
  }
  return Value::list(std::move(out));
}

Value extreme(const Input& in, int wanted) {
  const Call call = in.call({"case_sensitive", "attribute"});
  const std::string path = call.text(1, "");
  Value best, best_key;
  for (const Value& each : elements(in.value, in.budget)) {
    const Value key = Key::of(each, path, call.truth(0, false), in.budget).value;
    if (best_key.is_undefined() || compare(key, best_key, in.budget) == wanted) {
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
  pay(value.dict(), budget);
  for (const auto& [key, each] : value.dict()) {
    budget.make(64);
    out.push_back(Value::list({Value::text(key), each}, true));
  }
  return Value::list(std::move(out));
}

Value rounded(const Input& in) {
  const Call call = in.call({"precision", "method"});
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
         const Call call = in.call({"chars"});
         const std::string text = in.text();
         if (call.has(0) && !call.get(0, {}).is_none()) return stripped(text, call.text(0, ""), true, true, in.budget);
         return paid_text(std::string(python::strip(text)), in.budget);
       }},
      {"tojson", json_text},
      {"join", joined},
      {"length", [](const Input& in) { return Value(length(in.value)); }},
      {"count", [](const Input& in) { return Value(length(in.value)); }},
      {"default",
       [](const Input& in) {
         const Call call = in.call({"default_value", "boolean"});
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
      {"upper", [](const Input& in) { return paid_text(python::upper(in.text()), in.budget); }},
      {"lower", [](const Input& in) { return paid_text(python::lower(in.text()), in.budget); }},
      {"title", [](const Input& in) { return paid_text(filter_title(in.text()), in.budget); }},
      {"capitalize", [](const Input& in) { return paid_text(python::capitalize(in.text()), in.budget); }},
      {"replace",
       [](const Input& in) {
         const Call call = in.call({"old", "new", "count"});
         return replaced(in.text(), call.text(0, ""), call.text(1, ""), call.integer(2, -1), in.budget);
       }},
      {"list", [](const Input& in) { return Value::list(elements(in.value, in.budget)); }},
      {"string", [](const Input& in) { return paid_text(in.text(), in.budget); }},
      {"safe", [](const Input& in) { return in.value; }},
      {"int", [](const Input& in) { return to_integer(in.value, in.call({"default", "base"})); }},
      {"float", [](const Input& in) { return to_real(in.value, in.call({"default"})); }},
      {"abs",
       [](const Input& in) {
         if (!in.value.is_number()) throw Fault{"the size of a " + in.value.type()};
         if (in.value.is_integer() && in.value.integer() < 0)
           return arithmetic("-", Value(int64_t{0}), in.value, in.budget);
         if (in.value.is_integer()) return Value(in.value.integer());
         return Value(std::fabs(in.value.real()));
       }},
      {"round", rounded},
      {"indent", indented},
      {"items", [](const Input& in) { return pairs_of(in.value, in.budget); }},
      {"dictsort",
       [](const Input& in) {
         const Call call = in.call({"case_sensitive", "by", "reverse"});
         const std::string path = call.text(1, "key") == "value" ? "1" : "0";
         return Value::list(sorted(elements(pairs_of(in.value, in.budget), in.budget), path, call.truth(0, false),
                                   call.truth(2, false), in.budget));
       }},
      {"sort",
       [](const Input& in) {
         const Call call = in.call({"reverse", "case_sensitive", "attribute"});
         return Value::list(sorted(elements(in.value, in.budget), call.text(2, ""), call.truth(1, false),
                                   call.truth(0, false), in.budget));
       }},
      {"unique",
       [](const Input& in) {
         const Call call = in.call({"case_sensitive", "attribute"});
         List out, keys;
         for (const Value& each : elements(in.value, in.budget)) {
           Value key = Key::of(each, call.text(1, ""), call.truth(0, false), in.budget).value;
           in.budget.make(static_cast<int64_t>(keys.size()) * 8);
           if (std::any_of(keys.begin(), keys.end(), [&](const Value& other) { return equal(key, other, in.budget); }))
             continue;
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
         const Call call = in.call({"attribute", "start"});
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
       [](const Input& in) {
         const std::string text = in.text();
         in.budget.make(static_cast<int64_t>(text.size()) * 4);
         return Value(static_cast<int64_t>(python::split_space(text).size()));
       }},
      {"escape", [](const Input& in) { return paid_text(escaped(in.text()), in.budget); }},
  };
  return table;
}

const std::string& canonical(const std::string& name) {
  static const std::map<std::string, std::string> aliases = {{"d", "default"}, {"e", "escape"}};
  const auto found = aliases.find(name);
  return found == aliases.end() ? name : found->second;
}

}  // namespace

bool is_filter(const std::string& name) {
  return filters().contains(canonical(name));
}

Value apply_filter(const std::string& name, const Value& value, const List& places, const Named& names,
                   Budget& budget) {
  const Budget::Depth depth(budget);
  budget.step();
  if (value.is_text()) budget.read(static_cast<int64_t>(value.text().size()));
  return filters().at(canonical(name))({value, places, names, budget});
}

}  // namespace zebra::jinja
