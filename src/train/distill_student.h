#pragma once
// A student from its folder to the result's: what every kind of distillation does with it besides the loss.
#include <memory>
#include <set>
#include <string>

#include "base/output.h"
#include "model/checkpoint.h"
#include "train/distill.h"

namespace zebra {

Inputs inputs_of(const DistillOptions& options);

struct DistillStudent {
  explicit DistillStudent(DistillOptions prepared);
  DistillStudent(const DistillStudent&) = delete;  // the task points into it
  DistillStudent& operator=(const DistillStudent&) = delete;

  // For the loop, without a loss; this object must outlive it.
  TrainTask task(bool resume);
  // Fills OUT, which the caller commits.
  DistillResult write(const OutputFolder& folder, TrainReport report, const std::string& command);
  void remove_run_checkpoints() const;

  DistillOptions options;
  Model model;
  std::set<std::string> frozen;
  std::unique_ptr<WeightSource> stored;
};

}  // namespace zebra
