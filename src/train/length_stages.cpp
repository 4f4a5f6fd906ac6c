#include "train/length_stages.h"

#include <cmath>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"

namespace zebra {

std::vector<LengthStage> parse_length_stages(const std::vector<std::string>& text) {
  std::vector<LengthStage> stages;
  double sum = 0;
  for (const auto& word : text) {
    const auto parts = split(word, ':');
    LengthStage stage;
    const bool read = parts.size() == 2 && parse_field(parts[0], stage.length) && parse_field(parts[1], stage.part);
    if (!read || stage.length < 1 || !(stage.part > 0 && stage.part <= 1)) {
      fail_usage("lengths: expected stages as 2048:0.5 (tokens in a row, part of the run), found \"", word, "\"");
    }
    if (!stages.empty() && stage.length <= stages.back().length) {
      fail_usage("lengths: expected rows that grow, found ", stages.back().length, " before ", stage.length);
    }
    sum += stage.part;
    stages.push_back(stage);
  }
  if (stages.empty()) return stages;
  for (const auto& stage : stages) {
    if (stages.back().length % stage.length != 0) {
      fail_usage("lengths: expected divisors of the last, ", stages.back().length, ", found ", stage.length);
    }
  }
  if (std::abs(sum - 1) > 1e-6) fail_usage("lengths: expected parts that sum to 1, found ", sum);
  return stages;
}

int64_t length_at(const std::vector<LengthStage>& stages, int64_t step, int64_t steps, int64_t otherwise) {
  if (stages.empty()) return otherwise;
  double until = 0;
  for (const auto& stage : stages) {
    until += stage.part;
    if (step < std::llround(until * static_cast<double>(steps))) return stage.length;
  }
  return stages.back().length;
}

}  // namespace zebra
