#include "train/card.h"

#include "base/error.h"
#include "base/text.h"
#include "io/card.h"
#include "model/describe.h"

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

std::string model_card(const RunSummary& run, const ModelConfig& model) {
  std::string out = card_head({.title = run.title,
                               .origin = run.origin,
                               .how = run.command,
                               .made_from = run.before,
                               .is_hybrid = model.format != Format::huggingface,
                               .tags = mixer_tags(model.mixers)});
  out += "| figure | value |\n|---|---|\n";
  for (const auto& [name, value] : run_figures(run)) out += cat("| ", name, " | ", value, " |\n");
  out += cat("\nEvery setting:\n\n```json\n", without_machine_paths(run.settings.dump(2)),
             "\n```\n\nBeside it: `report.html` (curves, layers).\n");
  return out + earlier_card(run.before);
}

}  // namespace zebra
