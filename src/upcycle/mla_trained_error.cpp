#include "upcycle/mla_trained_error.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "layers/rope.h"
#include "model/finite.h"
#include "ops/adamw.h"
#include "upcycle/mla_refined.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/mla_start.h"
#include "upcycle/refit.h"

namespace zebra {

namespace {

constexpr int64_t kSteps = 80, kStepTokens = 2048;
constexpr double kRate = 3e-3;

// Inputs of a layer and the teacher's outputs: [N, L, D].
struct Samples {
  at::Tensor inputs, outputs;
  int64_t fitted = 0;
};

Samples samples_of(const Streams& streams, const Block& block, const Calibration& calibration) {
  std::vector<at::Tensor> inputs, outputs;
  streams.batches(false, [&](int64_t first, int64_t rows) {
    inputs.push_back(streams.teacher_input(block, first, rows));
    outputs.push_back(block.mixer->forward(inputs.back()));
  });
  return {at::cat(inputs), at::cat(outputs), calibration.fitted()};
}

at::Tensor error_of(const Mixer& mixer, const Samples& samples, int64_t first, int64_t rows) {
  const auto wanted = samples.outputs.narrow(0, first, rows);
  const auto made = mixer.forward(samples.inputs.narrow(0, first, rows));
  return (made - wanted).square().sum() / wanted.square().sum();
}

void refit(Mixer& mixer, const Samples& samples) {
  OutputRefit fit;
  const int64_t step = std::max<int64_t>(1, kStepTokens / samples.inputs.size(1));
  for (int64_t first = 0; first < samples.fitted; first += step) {
    const int64_t rows = std::min(step, samples.fitted - first);
    fit.see(mixer.inner(samples.inputs.narrow(0, first, rows)), samples.outputs.narrow(0, first, rows));
  }
  auto& weight = mixer.output_projection().weight;
  weight.copy_(fit.solve(weight));
}

// Adam with a rate that falls to zero along a cosine; rows in order, over and over.
void train_alone(Mixer& mixer, const Samples& samples) {
  std::vector<at::Tensor> parameters, means, squares;
  mixer.parameters("", [&](const std::string&, at::Tensor& value) {
    value.requires_grad_(true);
    parameters.push_back(value);
    means.push_back(at::zeros_like(value));
    squares.push_back(at::zeros_like(value));
  });
  const int64_t rows = std::clamp<int64_t>(kStepTokens / samples.inputs.size(1), 1, samples.fitted);
  for (int64_t step = 1; step <= kSteps; ++step) {
    {
      const c10::AutoGradMode on(true);
      error_of(mixer, samples, (step - 1) * rows % (samples.fitted - rows + 1), rows).backward();
    }
    const double rate = kRate * 0.5 * (1 + std::cos(M_PI * static_cast<double>(step) / kSteps));
    for (size_t i = 0; i < parameters.size(); ++i) {
      auto& grad = parameters[i].mutable_grad();
      ops::adamw(parameters[i], grad, means[i], squares[i], {.lr = rate, .step = step});
      grad = at::Tensor();
    }
  }
}

}  // namespace

MlaConfig with_widths(MlaConfig mla, const MlaDesign& design, const AttentionConfig& parent) {
  if (mla.nope_dim != parent.head_dim) mla.nope_dim = parent.head_dim - design.rope_dim;
  mla.kv_rank = design.kv_rank, mla.rope_dim = design.rope_dim;
  return mla;
}

MlaConfig with_design(MlaConfig mla, const MlaDesign& design, const AttentionConfig& parent) {
  mla = with_widths(std::move(mla), design, parent);
  mla.rope = with_frequencies(mla.rope, rope_frequencies(parent.rope, parent.head_dim), design.pairs);
  return mla;
}

std::vector<double> trained_errors(const ConversionRequest& request, const std::vector<MlaDesign>& designs) {
  const c10::AutoGradMode off(false);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(request.device);
  TeacherBlocks blocks(request.source, request.teacher, request.device);
  Streams streams(*request.calibration, request.source.get("model.embed_tokens.weight"), request.device);
  std::vector<double> errors(designs.size(), 0.0);
  int64_t layers = 0;
  Progress progress("training each layer", static_cast<double>(request.teacher.layers()));
  for (int64_t layer = 0; layer < request.teacher.layers(); ++layer) {
    auto& block = blocks.load(layer);
    if (becomes_mla(request, layer)) {
      const auto& mla = request.student.mixers[static_cast<size_t>(layer)].get<MlaConfig>();
      const AttentionConfig& parent = *request.replaced(layer);
      block.mixer->parameters(cat(layer_prefix(layer), ".", block.mixer_key), check_finite);
      auto attention = read_attention(*block.mixer, parent);
      const auto statistics = observe(streams, block, parent);
      if (!all_finite(statistics.second)) {
        fail_not_finite(request.source, kTeacherActivations);
      }
      fold_head_norms(attention, statistics.second);
      const auto samples = samples_of(streams, block, *request.calibration);
      for (size_t i = 0; i < designs.size(); ++i) {
        const auto config = with_design(mla, designs[i], parent);
        const auto mixer =
            build_mixer(config, refined_mla(attention, statistics, config, designs[i].pairs, request.mla), options);
        if (request.refit.mla) refit(*mixer, samples);
        train_alone(*mixer, samples);
        errors[i] += error_of(*mixer, samples, samples.fitted, samples.inputs.size(0) - samples.fitted).item<double>();
      }
      ++layers;
    }
    streams.advance(block, nullptr);
    blocks.drop(layer);
    progress.update(static_cast<double>(layer + 1), "layers");
  }
  progress.finish();
  for (double& error : errors) error /= static_cast<double>(std::max<int64_t>(1, layers));
  return errors;
}

}  // namespace zebra
