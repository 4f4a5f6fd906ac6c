// What stands after "is".
#include <map>

#include "data/jinja/builtins.h"
#include "data/jinja/methods.h"

namespace zebra::jinja {

namespace {

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
         const int64_t by = integer(only(p));
         if (by == 0) throw Fault{"division by zero"};
         return by == -1 || integer(v) % by == 0;  // the least integer has no negative
       }},
      {"lower", [](const Value& v, const List&, Budget& b) { return method_truth("islower", to_text(v, b), b); }},
      {"upper", [](const Value& v, const List&, Budget& b) { return method_truth("isupper", to_text(v, b), b); }},
      {"eq", [](const Value& v, const List& p, Budget& b) { return equal(v, only(p), b); }},
      {"ne", [](const Value& v, const List& p, Budget& b) { return !equal(v, only(p), b); }},
      {"lt", [](const Value& v, const List& p, Budget& b) { return compare(v, only(p), b) < 0; }},
      {"le", [](const Value& v, const List& p, Budget& b) { return compare(v, only(p), b) <= 0; }},
      {"gt", [](const Value& v, const List& p, Budget& b) { return compare(v, only(p), b) > 0; }},
      {"ge", [](const Value& v, const List& p, Budget& b) { return compare(v, only(p), b) >= 0; }},
      {"in", [](const Value& v, const List& p, Budget& b) { return contains(only(p), v, b); }},
      {"sameas",
       [](const Value& v, const List& p, Budget& b) { return v.type() == only(p).type() && equal(v, only(p), b); }},
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

bool is_test(const std::string& name) {
  return tests().contains(canonical_test(name));
}

bool apply_test(const std::string& name, const Value& value, const List& places, Budget& budget) {
  budget.step();
  if (value.is_text()) budget.read(static_cast<int64_t>(value.text().size()));
  return tests().at(canonical_test(name))(value, places, budget);
}

}  // namespace zebra::jinja
