#include "cli/train_report.h"

#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace zebra::cli {

void RunFlags::add_to(CLI::App& verb) {
  verb.add_option("--resume", resume, "auto = continue the run in OUT.run; never = start anew")
      ->check(CLI::IsMember({"auto", "never"}));
  verb.add_flag("--overwrite", overwrite, "replace OUT");
  verb.add_flag("--json", json, "machine-readable result");
}

Json report_json(const TrainedModel& model, const TrainReport& report, const Json& settings) {
  Json out;
  out["out"] = model.out;
  out["parameters"] = model.parameters;
  out["steps"] = report.steps;
  out["tokens"] = report.tokens;
  out["first_loss"] = report.first_loss;
  out["last_loss"] = report.last_loss;
  if (report.held_out) {
    const HeldOutReport& found = *report.held_out;
    out["held_out"] = {{"rows", found.rows}, {"before", found.before}, {"after", found.after}, {"step", found.step}};
  }
  out["skipped"] = report.skipped;
  out["seconds"] = report.seconds;
  out["tokens_per_second"] = report.tokens_per_second;
  out.update(model.more);
  out["settings"] = settings;
  return out;
}

namespace {

// What training did: on rows that it never saw, where there are some.
std::string loss_text(const std::string& name, const TrainReport& report) {
  if (!report.held_out) {
    // Not known where a crash took the log's first line, or its last ones.
    const auto shown = [](double loss) { return std::isfinite(loss) ? fixed(loss, 4) : "unknown"; };
    return cat(name, " ", shown(report.first_loss), " -> ", shown(report.last_loss), " while training");
  }
  const HeldOutReport& found = *report.held_out;
  const std::string which = found.step < report.steps ? cat(" after step ", found.step) : "";
  return cat("held-out ", name, " ", fixed(found.before, 4), " -> ", fixed(found.after, 4), which);
}

}  // namespace

void print_report(const TrainedModel& model, const TrainReport& report, const Json& settings, bool json) {
  if (!json) {
    const std::string text = cat(model.out, ": ", model.parameters, " parameters, ", report.tokens, " tokens in ",
                                 report.steps, " steps, ", loss_text(model.loss_name, report), ", ",
                                 fixed(report.tokens_per_second, 0), " tok/s, ", duration_text(report.seconds));
    std::printf("%s\n", text.c_str());
  } else {
    std::printf("%s\n", report_json(model, report, settings).dump(2).c_str());
  }
}

}  // namespace zebra::cli
