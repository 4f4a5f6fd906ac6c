#pragma once
// What expressions of a template evaluate to: Python's values as far as templates use them. Texts and containers are
// shared and never change, but for namespaces. No value is nested deeper than kDeepest, so that walking and freeing one
// needs little stack.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "data/jinja/budget.h"
#include "io/json.h"

namespace zebra::jinja {

class Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;
using Named = std::vector<std::pair<std::string, Value>>;

// What a value holds, found when it is made.
struct Nesting {
  int depth = 0;          // of lists and dicts within each other
  bool changing = false;  // whether there is a namespace in it, or loop.changed

  void add(const Nesting& inner) {
    depth = std::max(depth, inner.depth + 1);
    changing = changing || inner.changing;
  }
};

struct Undefined {
  std::string name;  // for messages
};
struct Sequence {
  std::shared_ptr<const List> items;
  bool tuple = false;
  Nesting nesting;
};
struct Mapping {
  std::shared_ptr<Dict> items;
  bool space = false;  // a namespace: its attributes may be set, but to nothing that changes itself: no cycles
  Nesting nesting;     // of a namespace as it was made
};
struct Function {
  std::shared_ptr<const std::function<Value(const List& arguments, const Named& named)>> call;
  Nesting nesting;  // of the values that it keeps
};

class Value {
 public:
  static constexpr int kDeepest = 64;

  using Any = std::variant<Undefined, std::nullptr_t, bool, int64_t, double, std::shared_ptr<const std::string>,
                           Sequence, Mapping, Function>;

  Value() : any_(Undefined{}) {}
  template <class T>
    requires(!std::is_same_v<std::decay_t<T>, Value>)
  Value(T&& value) : any_(std::forward<T>(value)) {}
  static Value text(std::string value) { return Value(std::make_shared<const std::string>(std::move(value))); }
  // Fault for items nested too deep.
  static Value list(List items, bool tuple = false);
  static Value dict(Dict items, bool space = false);
  static Value undefined(std::string name) { return Value(Undefined{std::move(name)}); }
  static Value function(std::function<Value(const List&, const Named&)> call, const Nesting& keeps = {}) {
    return Value(
        Function{std::make_shared<const std::function<Value(const List&, const Named&)>>(std::move(call)), keeps});
  }
  static Value of(const Json& json);

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(any_);
  }
  template <class T>
  const T& as() const {
    return std::get<T>(any_);
  }
  bool is_text() const { return is<std::shared_ptr<const std::string>>(); }
  const std::string& text() const { return *as<std::shared_ptr<const std::string>>(); }
  bool is_list() const { return is<Sequence>(); }
  const List& list() const { return *as<Sequence>().items; }
  bool is_dict() const { return is<Mapping>(); }
  Dict& dict() const { return *as<Mapping>().items; }
  bool as_space() const { return is_dict() && as<Mapping>().space; }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<std::nullptr_t>(); }
  bool is_integer() const { return is<int64_t>() || is<bool>(); }  // as in Python, truth values count
  bool is_number() const { return is_integer() || is<double>(); }
  int64_t integer() const { return is<bool>() ? (as<bool>() ? 1 : 0) : as<int64_t>(); }
  double real() const { return is<double>() ? as<double>() : static_cast<double>(integer()); }

  Nesting nesting() const;
  bool truth() const;
  std::string type() const;                         // "str", "list": for messages
  const Value* find(const std::string& key) const;  // of a dict

 private:
  Any any_;
};

// As Python's == on these types; namespaces are equal to themselves only.
bool equal(const Value& a, const Value& b, Budget& budget);
// -1, 0 or 1; throws a Fault naming the types where Python has no order for them.
int compare(const Value& a, const Value& b, Budget& budget);

// The budget is charged as texts of lists and dicts grow.
std::string to_text(const Value& value, Budget& budget);  // str()
std::string to_repr(const Value& value, Budget& budget);  // repr()

// json.dumps; indent < 0: one line.
struct JsonStyle {
  int64_t indent = -1;
  bool sort_keys = false, ascii = false;
  std::string item = ", ", key = ": ";
  bool item_given = false;
};
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace zebra::jinja
