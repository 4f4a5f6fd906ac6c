#include "train/card.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

std::string model_card(const std::string& title, const std::string& origin, const std::string& command,
                       const TrainReport& report, const Json& settings, const Json& held_out) {
  std::string out = cat("# ", title, "\n\n", origin, "\n\n## How it was made\n\n```\n", command, "\n```\n\n");
  out += "| figure | value |\n|---|---|\n";
  out += cat("| tokens | ", report.tokens, " in ", report.steps, " steps |\n");
  out += cat("| loss, first step | ", fixed(report.first_loss, 4), " |\n");
  out += cat("| loss, last twentieth | ", fixed(report.last_loss, 4), " |\n");
  out += cat("| steps skipped | ", report.skipped, " |\n");
  out += cat("| speed | ", fixed(report.tokens_per_second, 0), " tokens/s |\n");
  for (const auto& [name, value] : held_out.items()) {
    out += cat("| held out: ", name, " | ", value.is_number_float() ? fixed(value.get<double>(), 4) : value.dump(),
               " |\n");
  }
  out += cat("\nEvery setting:\n\n```json\n", settings.dump(2), "\n```\n");
  return out;
}

}  // namespace zebra
