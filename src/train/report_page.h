#pragma once
// report.html of a trained folder: the curves of the run, the layers of the model, every setting, the command and the
// machine. One file that needs no other, and no script.
#include <string>
#include <vector>

#include "model/config.h"
#include "train/card.h"
#include "train/metrics.h"

namespace zebra {

std::string report_page(const RunSummary& run, const ModelConfig& model, const std::vector<Curve>& curves);

// README.md and report.html, into `folder`; the curves are those of `run_folder`.
void write_summary(const fs::path& folder, const RunSummary& run, const ModelConfig& model, const fs::path& run_folder);

}  // namespace zebra
