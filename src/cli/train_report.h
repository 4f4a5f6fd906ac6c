#pragma once
// What the verbs that train share: the flags of a run, and what they print when it is done.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "train/trainer.h"

namespace zebra::cli {

struct RunFlags {
  bool overwrite = false, json = false;
  std::string resume = "auto";

  void add_to(CLI::App& verb);
  bool resumes() const { return resume == "auto"; }
};

struct TrainedModel {
  std::string out, loss_name;
  int64_t parameters = 0;
  Json more = Json::object();  // further keys of the machine-readable result
};

Json report_json(const TrainedModel& model, const TrainReport& report, const Json& settings);
void print_report(const TrainedModel& model, const TrainReport& report, const Json& settings, bool json);

}  // namespace zebra::cli
