#include "base/text_table.h"

#include <algorithm>

#include "base/text.h"

namespace zebra {

std::string text_table(const std::vector<Cells>& rows, const std::set<size_t>& left) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const Cells& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Cells& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += (left.contains(i) ? row[i] + space : space + row[i]) + "  ";
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string short_count(double number) {
  if (number >= 1e9) return fixed(number / 1e9, 2) + "B";
  if (number >= 1e6) return fixed(number / 1e6, 2) + "M";
  return number >= 1e3 ? fixed(number / 1e3, 1) + "k" : fixed(number, 0);
}

}  // namespace zebra
