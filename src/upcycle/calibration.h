#pragma once
// The token sequences on which a conversion measures the teacher.
#include <optional>

#include "base/file.h"
#include "model/checkpoint.h"

namespace zebra {

struct Calibration {
  at::Tensor ids;        // int64 [N, L]
  int64_t held_out = 0;  // the last rows: they score choices and are not fitted
  std::string origin;    // for the report: "c4.jsonl", "sampled from the teacher", "random tokens"

  int64_t fitted() const { return ids.size(0) - held_out; }
};

// Tokens that a conversion spends on calibration by default: 128 x 256 up to 100M parameters in the layers, fewer for
// larger models in inverse proportion, but never fewer than 4096 or twice the width.
int64_t default_calibration_tokens(const ModelConfig& config);

constexpr int64_t kCalibrationLength = 256;
constexpr int64_t kSampleLimit = 100'000'000;  // parameters up to which the teacher writes its own text unasked

// `source`: a text file, "sample" (the teacher writes it), "random", or "" for the default by the teacher's size.
// `tokens`: 0 = the default above. `bos`: documents of a file begin with BOS.
Calibration make_calibration(const fs::path& folder, const ModelConfig& teacher, const std::string& source,
                             int64_t tokens, uint64_t seed, bool bos = true);

int64_t layer_parameters(const ModelConfig& config);  // all layers, without embedding and head

}  // namespace zebra
