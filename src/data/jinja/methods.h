#pragma once
// Methods of texts, dicts and lists, and arithmetic.
#include "data/jinja/builtins.h"

namespace zebra::jinja {

// `value.name` as something to call; undefined if the type has no such method. Methods that change a value are absent,
// as in jinja2's immutable sandbox.
Value method(const Value& value, const std::string& name, Budget& budget);

Value arithmetic(const std::string& op, const Value& a, const Value& b, Budget& budget);  // + - * / // % **

// Shared by methods, filters and tests.
Value paid_text(std::string text, Budget& budget);
Value replaced(const std::string& text, const std::string& from, const std::string& to, int64_t count, Budget& budget);
bool method_truth(const std::string& name, const std::string& text, Budget& budget);  // islower, isdigit ...
Value stripped(const std::string& text, const std::string& characters, bool left, bool right, Budget& budget);
std::string filter_title(const std::string& text);  // words end at spaces, brackets and hyphens
std::string escaped(const std::string& text);       // for HTML

}  // namespace zebra::jinja
