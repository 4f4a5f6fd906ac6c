#pragma once
// What expressions of a template evaluate to: Python's values as far as templates use them. Texts and containers are
// shared and never change, but for namespaces.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/json.h"

namespace zebra::jinja {

class Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;
using Named = std::vector<std::pair<std::string, Value>>;

// What went wrong while rendering; the renderer adds where.
struct Fault {
  std::string what;
};

struct Undefined {
  std::string name;  // for messages
};
struct Sequence {
  std::shared_ptr<const List> items;
  bool tuple = false;
};
struct Mapping {
  std::shared_ptr<Dict> items;
  bool space = false;  // a namespace: its attributes may be set
};
struct Function {
  std::shared_ptr<const std::function<Value(const List& arguments, const Named& named)>> call;
};

class Value {
 public:
  using Any = std::variant<Undefined, std::nullptr_t, bool, int64_t, double, std::shared_ptr<const std::string>,
                           Sequence, Mapping, Function>;

  Value() : any_(Undefined{}) {}
  template <class T>
    requires(!std::is_same_v<std::decay_t<T>, Value>)
  Value(T&& value) : any_(std::forward<T>(value)) {}
  static Value text(std::string value) { return Value(std::make_shared<const std::string>(std::move(value))); }
  static Value list(List items, bool tuple = false) {
    return Value(Sequence{std::make_shared<const List>(std::move(items)), tuple});
  }
  static Value dict(Dict items, bool space = false) {
    return Value(Mapping{std::make_shared<Dict>(std::move(items)), space});
  }
  static Value undefined(std::string name) { return Value(Undefined{std::move(name)}); }
  static Value function(std::function<Value(const List&, const Named&)> call) {
    return Value(Function{std::make_shared<const std::function<Value(const List&, const Named&)>>(std::move(call))});
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

  bool truth() const;
  std::string type() const;                         // "str", "list": for messages
  const Value* find(const std::string& key) const;  // of a dict

 private:
  Any any_;
};

bool equal(const Value& a, const Value& b);
// -1, 0 or 1; throws a Fault naming the types where Python has no order for them.
int compare(const Value& a, const Value& b);

std::string to_text(const Value& value);  // str()
std::string to_repr(const Value& value);  // repr()

// json.dumps without ASCII escapes; indent < 0: one line. `compact`: separators without spaces.
struct JsonStyle {
  int64_t indent = -1;
  bool sort_keys = false, ascii = false;
  std::string item = ", ", key = ": ";
  bool item_given = false;
};
std::string to_json(const Value& value, const JsonStyle& style);

}  // namespace zebra::jinja
