#pragma once
// Small text helpers shared by error messages, the command line and the tables.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

// The candidate nearest to `word` by edit distance, or "" if none is near enough to be a likely typing error.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string list_text(const std::vector<int64_t>& numbers);           // "1,3,6"
std::string padded(std::string text, size_t width, char fill = ' ');  // at the right of so many characters
std::string shape_text(const std::vector<long>& shape);               // "[2, 3]"
std::string bytes_text(double bytes);                                 // "1.2 GiB"
std::string duration_text(double seconds);                            // "3 min 20 s"
std::string fixed(double value, int digits);                          // std::format is not in g++ 12

}  // namespace zebra
