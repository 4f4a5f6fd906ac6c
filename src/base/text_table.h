#pragma once
// Tables for a terminal.
#include <set>
#include <string>
#include <vector>

namespace zebra {

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell; those of `left` to the left, the others to the right. Every row has as many
// cells as the first.
std::string text_table(const std::vector<Cells>& rows, const std::set<size_t>& left = {0, 1});

std::string short_count(double number);  // 1239000000 -> "1.24B"

}  // namespace zebra
