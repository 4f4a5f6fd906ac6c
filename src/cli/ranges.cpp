#include "cli/ranges.h"

#include <charconv>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/text.h"

namespace zebra::cli {

namespace {

std::string number_text(double number) {
  return number == std::floor(number) ? fixed(number, 0) : cat(number);
}

CLI::Validator range(const std::string& wanted, const std::function<bool(double)>& holds) {
  const auto check = [wanted, holds](const std::string& text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool read = error == std::errc() && end == text.data() + text.size();
    return read && holds(number) ? std::string() : cat("expected ", wanted, ", found ", text.substr(0, 60));
  };
  return CLI::Validator(check, "");
}

}  // namespace

CLI::Validator positive() {
  return range("a number above 0", [](double number) { return number > 0; });
}

CLI::Validator at_least(double low) {
  return range(cat("a number of at least ", number_text(low)), [low](double number) { return number >= low; });
}

CLI::Validator not_negative() {
  return at_least(0);
}

CLI::Validator between(double low, double high) {
  return range(cat("a number from ", number_text(low), " to ", number_text(high)),
               [low, high](double number) { return number >= low && number <= high; });
}

}  // namespace zebra::cli
