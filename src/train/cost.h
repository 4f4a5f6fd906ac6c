#pragma once
// What a training run will need, from configs alone: arithmetic and memory. Estimates to plan with, good to some tens
// of percent; docs/formats.md repeats the formulas. L row length, P parameters.
#include <cstdint>

#include "model/config.h"
#include "train/align.h"
#include "train/distill.h"

namespace zebra {

// Floating-point operations of one token in the forward pass, averaged over a causal row of `length`: 2 for every
// weight of a matrix (the embedding is looked up, the head counts also where tied), and of the mixer itself
//   attention  4 heads head_dim (L+1)/2                          (scores and values; at most the sliding window)
//   MLA        2 heads (nope + rope + v) (L+1)/2
//   Mamba2     6 heads head_dim^2 + 2 width channels              (state update and read-out; convolution)
double forward_flops(const ModelConfig& config, int64_t length, bool head = true);

// Of one training token, the teacher's part: forward, once more where it writes the text itself.
double teacher_flops(const DistillOptions& options, const ModelConfig& teacher);
// Of one training token: the teacher's part, student forward and backward (twice the forward; with checkpointing once
// more the forward of the layers). loss layers stops before the heads.
double training_flops(const DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student);
// Align: forward and backward, and the forward of what the model is held to (dpo: itself; sft: a teacher, or null).
double training_flops(const AlignOptions& options, const ModelConfig& model, const ModelConfig* held_to);

struct TrainingMemory {
  double weights = 0;      // fp32, and in bf16 runs the copy that computes, which is all there is of frozen ones
  double gradients = 0;    // as the weights; frozen parameters have neither these nor moments
  double moments = 0;      // two, fp32; with SOAP two squares for each turned side of a matrix
  double activations = 0;  // of one pass, as TrainSettings::scale counts them; loss layers: of one layer
  double teacher = 0;      // of the model that it is held to: weights in the run's dtype, cached hidden states
  // Of a run with one student more: they share the teacher and learn one after the other.
  void add_student(const TrainingMemory& other);
  double total() const { return weights + gradients + moments + activations + teacher; }
};
// `options` must be prepared (train/distill.h, train/align.h).
TrainingMemory training_memory(const DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student);
TrainingMemory training_memory(const AlignOptions& options, const ModelConfig& model, const ModelConfig* held_to);

int64_t parameter_count(const ModelConfig& config);

}  // namespace zebra
