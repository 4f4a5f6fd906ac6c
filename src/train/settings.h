#pragma once
// What every training run must know: the one field list behind flags, --set, recipes and resuming.
#include <cstdint>
#include <string>

#include "io/json.h"
#include "model/config.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace zebra {

struct TrainSettings {
  int64_t tokens = 0;        // in all
  int64_t length = 0;        // 0 = scaled to the model, as are all zeros below
  int64_t batch_tokens = 0;  // a step
  int64_t micro_tokens = 0;  // a forward and backward pass
  double lr = 0, lr_inherited = 0;
  Schedule schedule;
  std::string optimizer = "adamw";
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0, clip = 1;
  int64_t seed = 0;
  std::string dtype = "fp32", device = "cpu";
  int64_t threads = 0;     // 0 = all cores
  int64_t save_every = 0;  // steps; 0 = a tenth of the run
  bool checkpointing = false;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("tokens", tokens, "training tokens in all");
    visit("length", length, "tokens in a row");
    visit("batch_tokens", batch_tokens, "tokens in a step");
    visit("micro_tokens", micro_tokens, "tokens in a forward and backward pass");
    visit("lr", lr, "peak learning rate of the new mixers");
    visit("lr_inherited", lr_inherited, "peak learning rate of everything else");
    visit("schedule", schedule.shape, "cosine, linear or wsd");
    visit("warmup", schedule.warmup,
          "warm-up, as a part of the run; at least 20 steps, or half of a run that has fewer than 40; 0 = none");
    visit("lr_floor", schedule.floor, "last learning rate, as a part of the peak");
    visit("decay", schedule.decay, "wsd: part of the run that decays");
    visit("decay_shape", schedule.decay_shape, "wsd: linear or sqrt");
    visit("optimizer", optimizer, "adamw, or soap or muon for matrices and AdamW for the rest");
    visit("beta1", beta1, "AdamW and SOAP: decay of the momentum");
    visit("beta2", beta2, "AdamW and SOAP: decay of squares");
    visit("weight_decay", weight_decay, "of matrices");
    visit("clip", clip, "largest norm of the gradient; 0 = no limit");
    visit("seed", seed, "of everything that is random");
    visit("dtype", dtype, "of the computation: fp32 or bf16 (weights and moments stay fp32)");
    visit("device", device, "cpu or cuda");
    visit("threads", threads, "CPU threads; 0 = all cores");
    visit("save_every", save_every, "steps between checkpoints; 0 = a tenth of the run");
    visit("checkpointing", checkpointing,
          "keep only the layers' inputs for the gradient and compute the rest again: same result, a third more work");
  }

  // Replaces zeros by what suits the model, and rounds: rows fill steps and steps fill the run.
  // The rates given are this model's.
  void scale(const ModelConfig& model, double default_lr, double default_lr_inherited);
  void check(int64_t context) const;  // Error(usage) names the setting; `context` is the longest row

  int64_t rows_per_step() const { return batch_tokens / length; }
  int64_t rows_per_pass() const { return micro_tokens / length; }
  int64_t steps() const { return (tokens + batch_tokens - 1) / batch_tokens; }
  // Of the peak rate, for the step after `step` others.
  double rate_factor(int64_t step) const;
  OptimizerSettings optimizer_settings() const;
  at::TensorOptions options() const;  // dtype and device of the computation
};

// The width that default rates and batches follow: hidden size over 64.
double relative_width(const ModelConfig& model);

// What a pass of so many tokens keeps for its gradient: about 160 bytes per token, layer and channel in fp32.
// With `checkpointing` that of one layer, and every layer's input in fp32.
double activation_bytes(const ModelConfig& model, int64_t tokens, bool checkpointing = false);

// Sets threads and, on CUDA, deterministic algorithms; call before the first tensor.
void prepare_device(const TrainSettings& settings);

// The settings that change results, for RunState: all of `config` but those that only say how to run.
Json identity_of(Json fields);

}  // namespace zebra
