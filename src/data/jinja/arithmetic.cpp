// + - * / // % ** as in Python.
#include <algorithm>
#include <cmath>

#include "data/jinja/methods.h"

namespace zebra::jinja {

namespace {

Value repeated(const Value& what, int64_t count, Budget& budget) {
  count = std::max<int64_t>(count, 0);
  const auto size = static_cast<int64_t>(what.is_text() ? what.text().size() : what.list().size() * sizeof(Value));
  if (size > 0 && count > (int64_t{1} << 40) / size) count = (int64_t{1} << 40) / size;
  budget.make(size * count);
  if (what.is_text()) {
    std::string out;
    for (int64_t i = 0; i < count && size > 0; ++i) out += what.text();
    return Value::text(std::move(out));
  }
  List out;
  for (int64_t i = 0; i < count && size > 0; ++i) out.insert(out.end(), what.list().begin(), what.list().end());
  return Value::list(std::move(out));
}

int64_t checked(__int128 value) {
  if (value > INT64_MAX || value < INT64_MIN) throw Fault{"a number of more than 64 bits"};
  return static_cast<int64_t>(value);
}

Value integers(const std::string& op, int64_t a, int64_t b) {
  const __int128 wide = a;
  if (op == "+") return Value(checked(wide + b));
  if (op == "-") return Value(checked(wide - b));
  if (op == "*") return Value(checked(wide * b));
  if (op == "**") {
    if (b < 0) return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
    __int128 out = 1;
    for (int64_t i = 0; i < b && a != 1 && a != 0 && a != -1; ++i) out = checked(out * a);
    if (a == 0) out = b == 0 ? 1 : 0;
    if (a == -1) out = b % 2 == 0 ? 1 : -1;
    return Value(checked(out));
  }
  if (b == 0) throw Fault{"division by zero"};
  if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
  __int128 quotient = wide / b, rest = wide % b;  // Python rounds down
  if (rest != 0 && (rest < 0) != (b < 0)) {
    --quotient;
    rest += b;
  }
  return Value(checked(op == "//" ? quotient : rest));
}

Value reals(const std::string& op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") return Value(std::pow(a, b));
  if (b == 0) throw Fault{"division by zero"};
  if (op == "/") return Value(a / b);
  if (op == "//") return Value(std::floor(a / b));
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return Value(rest);
}

}  // namespace

Value arithmetic(const std::string& op, const Value& a, const Value& b, Budget& budget) {
  if (a.is_integer() && b.is_integer()) return integers(op, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return reals(op, a.real(), b.real());
  if (op == "+" && a.is_text() && b.is_text()) {
    budget.make(static_cast<int64_t>(a.text().size() + b.text().size()));
    return Value::text(a.text() + b.text());
  }
  if (op == "+" && a.is_list() && b.is_list() && a.type() == b.type()) {
    budget.make(static_cast<int64_t>((a.list().size() + b.list().size()) * sizeof(Value)));
    List out = a.list();
    out.insert(out.end(), b.list().begin(), b.list().end());
    return Value::list(std::move(out), a.as<Sequence>().tuple);
  }
  if (op == "*" && (a.is_text() || a.is_list()) && b.is_integer()) return repeated(a, b.integer(), budget);
  if (op == "*" && (b.is_text() || b.is_list()) && a.is_integer()) return repeated(b, a.integer(), budget);
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) throw Fault{"\"" + side->as<Undefined>().name + "\" is undefined"};
  }
  throw Fault{"\"" + op + "\" of a " + a.type() + " and a " + b.type()};
}

}  // namespace zebra::jinja
