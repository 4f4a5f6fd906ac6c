#include "train/card.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace zebra {

std::vector<std::pair<std::string, std::string>> run_figures(const RunSummary& run) {
  const TrainReport& report = run.report;
  std::vector<std::pair<std::string, std::string>> out = {
      {"tokens", cat(report.tokens, " in ", report.steps, " steps")}, {"loss, first step", fixed(report.first_loss, 4)},
      {"loss, last twentieth", fixed(report.last_loss, 4)},           {"steps skipped", std::to_string(report.skipped)},
      {"speed", fixed(report.tokens_per_second, 0) + " tokens/s"},
  };
  for (const auto& [name, value] : run.held_out.items()) {
    out.emplace_back("held out: " + name, value.is_number_float() ? fixed(value.get<double>(), 4) : value.dump());
  }
  return out;
}

std::string model_card(const RunSummary& run) {
  std::string out =
      cat("# ", run.title, "\n\n", run.origin, "\n\n## How it was made\n\n```\n", run.command, "\n```\n\n");
  out += "| figure | value |\n|---|---|\n";
  for (const auto& [name, value] : run_figures(run)) out += cat("| ", name, " | ", value, " |\n");
  out += cat("\nEvery setting:\n\n```json\n", run.settings.dump(2),
             "\n```\n\nBeside it: `report.html` (curves, layers).\n");
  return out + earlier_card(run.before);
}

std::string earlier_card(const fs::path& folder) {
  constexpr uintmax_t kLargest = 1 << 20;
  const fs::path file = folder / "README.md";
  std::error_code error;
  if (folder.empty() || fs::file_size(file, error) > kLargest || error) return "";
  const std::string card = read_file(file);
  if (card.find("\n## How it was made\n") == std::string::npos) return "";
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
