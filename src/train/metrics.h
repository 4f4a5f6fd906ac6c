#pragma once
// metrics.jsonl of a run folder: one line per step. A resumed run drops the lines after its checkpoint, so that the
// file reads as if the run had never stopped. What a crash took of it never keeps a run from going on: a step whose
// line cannot be read gets one with the loss null, so that line i stays that of step i.
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "io/json.h"

namespace zebra {

inline constexpr const char* kMetricsName = "metrics.jsonl";

class MetricsFile {
 public:
  MetricsFile(const fs::path& path, int64_t steps_done);  // keeps lines of steps 1..steps_done, warns of lost ones
  void add(int64_t step, double loss, const Json& more);
  void sync();                                                   // to the disk, before a checkpoint counts on it
  const std::vector<double>& losses() const { return losses_; }  // by step; NaN where it is not known
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
// Every number but the step, in the order of the lines, and none of a line that cannot be read.
std::vector<Curve> read_curves(const fs::path& metrics);

// The lines of steps 1..steps_done that `content` still has, by step; empty where there is none that can be read.
std::vector<std::string> readable_metrics(std::string_view content, int64_t steps_done);

}  // namespace zebra
