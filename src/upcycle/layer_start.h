#pragma once
// What the start of a new mixer may ask for while its layer is in memory (upcycle/start.h).
#include <limits>

#include "upcycle/conversion.h"
#include "upcycle/mamba2_refined.h"
#include "upcycle/mixer_weights.h"
#include "upcycle/streams.h"

namespace zebra {

class LayerStart {
 public:
  // `streams` stand at the layer's input; null where nothing is measured. `refits`: whether refit() does anything.
  LayerStart(const ConversionRequest& request, const Streams* streams, Block& block, int64_t layer, bool refits);

  const ConversionRequest& request() const { return request_; }
  int64_t layer() const { return layer_; }

  // The attention that is replaced, as AMD's scripts read it.
  TeacherAttention reference_attention() const;
  // The same with the effect of its norms of q and k (Qwen3) on what the teacher reads here.
  struct Measured {
    TeacherAttention attention;
    LayerStatistics statistics;
  };
  Measured measured() const;
  HeadSample head_sample() const;

  std::unique_ptr<Mixer> build(const MixerConfig& config, const MixerWeights& weights) const;
  // Refits the output projection on up to `tokens` calibration tokens, if the plan wants it for this mixer.
  void refit(Mixer& mixer, int64_t tokens = std::numeric_limits<int64_t>::max()) const;
  // Squared distance of the student's stream behind this mixer to the teacher's, on held-out rows.
  double held_out_error(const Mixer& mixer) const;

 private:
  const AttentionConfig& parent() const { return *request_.replaced(layer_); }

  const ConversionRequest& request_;
  const Streams* streams_;
  Block& block_;
  int64_t layer_;
  bool refits_;
};

}  // namespace zebra
