#include "io/card.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr const char* kHow = "## How it was made";

}  // namespace

std::string card_head(const std::string& title, const std::string& origin, const std::string& how) {
  return cat("# ", title, "\n\n", origin, "\n\n", kHow, "\n\n```\n", how, how.ends_with('\n') ? "" : "\n", "```\n\n");
}

std::string earlier_card(const fs::path& folder) {
  constexpr uintmax_t kLargest = 1 << 20;
  const fs::path file = folder / "README.md";
  std::error_code error;
  if (folder.empty() || fs::file_size(file, error) > kLargest || error) return "";
  const std::string card = read_file(file);
  if (card.find(cat("\n", kHow, "\n")) == std::string::npos) return "";
  std::string out = "\n";
  bool is_code = false;
  for (const std::string& line : split(card, '\n')) {
    if (line.starts_with("Beside it: ")) continue;  // files of another folder
    if (line.starts_with("```")) is_code = !is_code;
    const bool is_heading = !is_code && line.starts_with("#") && !line.starts_with("######");  // the deepest there is
    out += cat(is_heading ? "#" : "", line, "\n");
  }
  return out;
}

}  // namespace zebra
