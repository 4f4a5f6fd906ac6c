#pragma once
// Checks of numeric flags whose errors are short: CLI11's own print the largest double with all of its digits.
#include <CLI/CLI.hpp>

namespace zebra::cli {

CLI::Validator positive();      // a number above 0
CLI::Validator not_negative();  // at_least(0)
CLI::Validator at_least(double low);
CLI::Validator between(double low, double high);

}  // namespace zebra::cli
