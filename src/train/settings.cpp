#include "train/settings.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/error.h"
#include "base/machine.h"

namespace zebra {

namespace {

int64_t round_to(double value, int64_t unit) {
  return std::max<int64_t>(1, std::llround(value / static_cast<double>(unit))) * unit;
}

}  // namespace

double relative_width(const ModelConfig& model) {
  return static_cast<double>(std::max<int64_t>(1, model.hidden)) / 64;
}

double activation_bytes(const ModelConfig& model, int64_t tokens, bool checkpointing) {
  const double layers = static_cast<double>(model.layers()), inner = 160;
  const double bytes = checkpointing ? inner + 4 * layers : inner * layers;  // a channel
  return bytes * static_cast<double>(model.hidden) * static_cast<double>(tokens);
}

void TrainSettings::scale(const ModelConfig& model, double default_lr, double default_lr_inherited) {
  const double width = relative_width(model);
  if (length == 0) length = std::min<int64_t>(model.hidden < 512 ? 256 : 2048, model.max_position);
  if (batch_tokens == 0) {
    // Larger models want larger batches; short runs want enough steps.
    batch_tokens =
        round_to(std::min(2048 * std::pow(width, 1.5), std::max(2048.0, static_cast<double>(tokens) / 200)), length);
  }
  if (micro_tokens == 0) {
    const double limit = (device == "cpu" ? 4e9 : 4e10) / activation_bytes(model, 1);
    int64_t passes = std::max<int64_t>(1, std::llround(std::ceil(static_cast<double>(batch_tokens) / limit)));
    const int64_t rows = batch_tokens / length;
    while (passes < rows && rows % passes != 0) ++passes;
    micro_tokens = std::max<int64_t>(1, rows / passes) * length;
  }
  if (lr == 0) lr = default_lr;
  if (lr_inherited == 0) lr_inherited = default_lr_inherited;
}

void TrainSettings::check(int64_t context) const {
  schedule.check();
  const auto positive = [](const char* name, auto value) {
    if (!(value > 0)) fail_usage(name, ": expected a number above 0, found ", value);
  };
  positive("tokens", tokens);
  positive("length", length);
  if (length > context) fail_usage("length: expected at most the context length ", context, ", found ", length);
  positive("batch_tokens", batch_tokens);
  positive("micro_tokens", micro_tokens);
  positive("lr", lr);
  if (!(lr_inherited >= 0)) fail_usage("lr_inherited: expected 0 or more, found ", lr_inherited);
  if (batch_tokens % length != 0) {
    fail_usage("batch_tokens: expected a multiple of length ", length, ", found ", batch_tokens);
  }
  if (micro_tokens % length != 0 || batch_tokens % micro_tokens != 0) {
    fail_usage("micro_tokens: expected a multiple of length ", length, " that divides batch_tokens ", batch_tokens,
               ", found ", micro_tokens);
  }
  if (!(beta1 >= 0 && beta1 < 1)) fail_usage("beta1: expected 0 to 1, found ", beta1);
  if (!(beta2 >= 0 && beta2 < 1)) fail_usage("beta2: expected 0 to 1, found ", beta2);
  if (!(weight_decay >= 0)) fail_usage("weight_decay: expected 0 or more, found ", weight_decay);
  if (!(clip >= 0)) fail_usage("clip: expected 0 or more, found ", clip);
  if (optimizer != "adamw" && optimizer != "muon" && optimizer != "soap") {
    fail_usage("optimizer: expected adamw, muon or soap, found \"", optimizer, "\"");
  }
  if (seed < 0) fail_usage("seed: expected 0 or more, found ", seed);
  if (threads < 0 || threads > kMostThreads) {
    fail_usage("threads: expected 0 (all cores) to ", kMostThreads, ", found ", threads);
  }
  if (save_every < 0) fail_usage("save_every: expected 0 or more, found ", save_every);
  if (dtype != "fp32" && dtype != "bf16") fail_usage("dtype: expected fp32 or bf16, found \"", dtype, "\"");
  if (device != "cpu" && device != "cuda") fail_usage("device: expected cpu or cuda, found \"", device, "\"");
}

double TrainSettings::rate_factor(int64_t step) const {
  // SOAP's bases are those of a few gradients at first: a short run must not reach the peak in steps that are steeper.
  const double peak = optimizer == "soap" ? schedule.reached(steps()) : 1;
  return peak * schedule.factor(step, steps());
}

OptimizerSettings TrainSettings::optimizer_settings() const {
  return {.lr = lr,
          .lr_inherited = lr_inherited,
          .beta1 = beta1,
          .beta2 = beta2,
          .eps = 1e-8,
          .weight_decay = weight_decay,
          .matrices = optimizer == "muon"   ? MatrixStep::muon
                      : optimizer == "soap" ? MatrixStep::soap
                                            : MatrixStep::adamw,
          .clip = clip};
}

at::TensorOptions TrainSettings::options() const {
  return at::TensorOptions(at::Device(device)).dtype(dtype == "bf16" ? at::kBFloat16 : at::kFloat);
}

void prepare_device(const TrainSettings& settings) {
  if (settings.threads > 0) at::set_num_threads(static_cast<int>(settings.threads));
  // Every step wants the same memory again: keep it, or the kernel clears the same pages each time (32 MiB is
  // the most that glibc takes).
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  if (settings.device != "cuda") return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
  if (!at::hasCUDA()) fail_usage("device: no CUDA device was found; use --device cpu");
  at::globalContext().setDeterministicAlgorithms(true, false);  // with warnings only, attention's gradient is not
  at::globalContext().setDeterministicFillUninitializedMemory(false);  // finds reads of what nobody wrote; costs a pass
}

Json identity_of(Json fields) {
  for (const char* key : {"threads", "save_every", "checkpointing", "out"}) fields.erase(key);
  fields["least_warmup"] = Schedule::kLeastWarmup;  // runs that began without one had other rates
  return fields;
}

}  // namespace zebra
