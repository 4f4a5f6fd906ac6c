#pragma once
// What an initialisation must know about a layer's inputs and about where its attention looks, measured on calibration
// sequences and kept in float64. B rows, L length, D hidden, E = D (+ 1 with biases), H heads, P head dim.
#include "upcycle/teacher_attention.h"

namespace zebra {

// E[h h^T] and E[h] of the inputs h.
class InputMoments {
 public:
  void see(const at::Tensor& u);  // [B, L, D]
  // With `augmented`, of [h; 1].
  at::Tensor second(bool augmented) const;  // [E, E]
  at::Tensor mean(bool augmented) const;    // [E]

 private:
  at::Tensor products_, sum_;  // [D, D], [D]
  double count_ = 0;
};

// How far back each query head attends, weighted by its attention.
struct AttentionReach {
  at::Tensor rotation;  // complex [H, P / 2]: E[exp(-i w d)] at distance d for every frequency w
  at::Tensor distance;  // [H]: E[d]
};

class ReachObserver {
 public:
  // `attention` outlives it.
  ReachObserver(const Mixer& attention, const AttentionConfig& config) : attention_(attention), config_(config) {}
  void see(const at::Tensor& u);  // [B, L, D], all of one length
  AttentionReach finish() const;

 private:
  const Mixer& attention_;
  AttentionConfig config_;
  at::Tensor probabilities_;  // [H, L, L] summed over rows
};

struct LayerStatistics {
  at::Tensor second, mean;  // [E, E], [E]
  AttentionReach reach;
};

}  // namespace zebra
