#pragma once
// Python's str methods on UTF-8. Prompts of public benchmarks and chat templates are defined by what Python does.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zebra::python {

bool is_space(char32_t c);  // str.isspace of one character

std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
std::string_view strip(std::string_view text);
// The same for any of `characters`, as str.strip("..") does.
std::string_view strip(std::string_view text, std::string_view characters, bool left = true, bool right = true);

int64_t length(std::string_view text);  // code points
std::string replace(std::string_view text, std::string_view from, std::string_view to, int64_t count = -1);
std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit = -1);
std::vector<std::string> split_space(std::string_view text, int64_t limit = -1);  // str.split() without arguments

std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::string capitalize(std::string_view text);  // first character upper case, all others lower
std::string title(std::string_view text);       // the first letter of each word

}  // namespace zebra::python
