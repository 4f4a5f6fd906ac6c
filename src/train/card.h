#pragma once
// What a trained folder tells about itself, and the README.md that tells it: what it is, the command that made it, what
// came out.
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "train/trainer.h"

namespace zebra {

struct RunSummary {
  std::string title, origin;  // a sentence, in Markdown
  std::string command;
  fs::path before;  // folder of the model that the run began with
  TrainReport report;
  Json settings = Json::object();
  Json held_out = Json::object();  // figures by name
};

std::vector<std::pair<std::string, std::string>> run_figures(const RunSummary& run);  // by name, as text
std::string model_card(const RunSummary& run, const ModelConfig& model);

}  // namespace zebra
