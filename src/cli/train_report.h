#pragma once
// What the verbs that train print when they are done.
#include <cstdint>
#include <string>

#include "train/trainer.h"

namespace zebra::cli {

struct TrainedModel {
  std::string out, loss_name;
  int64_t parameters = 0;
  Json more = Json::object();  // further keys of the machine-readable result
};

void print_report(const TrainedModel& model, const TrainReport& report, const Json& settings, bool json);

}  // namespace zebra::cli
