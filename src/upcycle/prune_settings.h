#pragma once
// The flags of `zebra prune`.
#include <string>

#include "base/error.h"
#include "upcycle/prune.h"

namespace zebra {

struct PruneSettings {
  PruneTarget target;
  std::string depth = "influence", calibration;
  int64_t calibration_tokens = 0, seed = 0;
  bool bos = true;

  template <class Visit>
  void fields(Visit&& visit) {
    target.fields(visit);
    visit("depth", depth,
          "how layers are scored: influence = how much they turn the stream (ShortGPT), or kl = what the KL rises when "
          "one is dropped (holds the whole model)");
    visit("calibration", calibration,
          "text file to measure on, sample (the teacher writes it) or random; default by the teacher's size");
    visit("calibration_tokens", calibration_tokens, "tokens to measure on (default: as for convert)");
    visit("bos", bos, "documents of a calibration file begin with BOS where the tokenizer adds one");
    visit("seed", seed, "of sampled text");
  }
  void check() const {
    if (depth != "influence" && depth != "kl") fail_usage("--depth: expected influence or kl, found \"", depth, "\"");
  }
};

}  // namespace zebra
