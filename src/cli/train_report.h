#pragma once
// What distill and pretrain print when they are done.
#include <cstdint>
#include <string>

#include "train/trainer.h"

namespace zebra::cli {

struct TrainedModel {
  std::string out, loss_name;
  int64_t parameters = 0;
};

void print_report(const TrainedModel& model, const TrainReport& report, const TrainSettings& settings, bool json);

}  // namespace zebra::cli
