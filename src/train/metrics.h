#pragma once
// metrics.jsonl: one line per step. A resumed run drops the lines after its checkpoint, so that the file reads as if
// the run had never stopped.
#include <cstdint>
#include <fstream>
#include <vector>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

class MetricsFile {
 public:
  MetricsFile(const fs::path& path, int64_t steps_done);  // keeps lines of steps 1..steps_done
  void add(int64_t step, double loss, const Json& more);
  const std::vector<double>& losses() const { return losses_; }  // by step
  double last_loss() const;                                      // mean over the last twentieth

 private:
  fs::path path_;
  std::ofstream file_;
  std::vector<double> losses_;
};

}  // namespace zebra
