#pragma once
// Tables for a terminal.
#include <string>
#include <vector>

namespace zebra::cli {

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell; the first two to the left. Every row has as many cells as the first.
std::string text_table(const std::vector<Cells>& rows);

std::string short_count(double number);  // 1239000000 -> "1.24B"

}  // namespace zebra::cli
