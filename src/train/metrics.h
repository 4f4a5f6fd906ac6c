#pragma once
// metrics.jsonl of a run folder: one line per step. A resumed run drops the lines after its checkpoint, so that the
// file reads as if the run had never stopped.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

inline constexpr const char* kMetricsName = "metrics.jsonl";

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

// One figure over the steps of a run: values[i] is that of line i + 1, NaN where the line has none.
struct Curve {
  std::string name;
  std::vector<double> values;
};
std::vector<Curve> read_curves(const fs::path& metrics);  // every number but the step, in the order of the lines

}  // namespace zebra
