#include "upcycle/layer_start.h"

#include <algorithm>

#include "model/finite.h"
#include "upcycle/refit.h"

namespace zebra {

namespace {

constexpr int64_t kSampleTokens = 4096;  // of head_sample() and held_out_error()

}  // namespace

LayerStart::LayerStart(const ConversionRequest& request, const Streams* streams, Block& block, int64_t layer,
                       bool refits)
    : request_(request), streams_(streams), block_(block), layer_(layer), refits_(refits && streams) {}

TeacherAttention LayerStart::reference_attention() const {
  auto attention = read_attention(*block_.mixer, parent());
  // AMD's Zebra-Llama loads the parent in bfloat16, X-EcoMLA as it is stored.
  if (request_.student.format == Format::zebra_llama) round_to_bfloat16(attention);
  return attention;
}

LayerStart::Measured LayerStart::measured() const {
  auto attention = read_attention(*block_.mixer, parent());
  auto statistics = request_.statistics ? request_.statistics(layer_) : observe(*streams_, block_, attention.config);
  if (!all_finite(statistics.second)) fail_not_finite(request_.source, kTeacherActivations);
  fold_head_norms(attention, statistics.second);
  return {std::move(attention), std::move(statistics)};
}

HeadSample LayerStart::head_sample() const {
  const Calibration& calibration = *request_.calibration;
  const int64_t rows = std::clamp<int64_t>(kSampleTokens / calibration.ids.size(1), 1, calibration.fitted());
  const auto inputs = streams_->teacher_input(block_, 0, rows);
  return {inputs, block_.mixer->inner(inputs)};
}

std::unique_ptr<Mixer> LayerStart::build(const MixerConfig& config, const MixerWeights& weights) const {
  return build_mixer(config, weights, at::TensorOptions().dtype(at::kFloat).device(request_.device));
}

void LayerStart::refit(Mixer& mixer, int64_t tokens) const {
  if (!refits_) return;
  OutputRefit fit;
  int64_t seen = 0;
  streams_->batches(true, [&](int64_t first, int64_t rows) {
    if (seen >= tokens) return;
    seen += rows * request_.calibration->ids.size(1);
    const auto output = block_.mixer->forward(streams_->teacher_input(block_, first, rows));
    const auto input = request_.refit.on_student ? streams_->student_input(block_, first, rows)
                                                 : streams_->teacher_input(block_, first, rows);
    fit.see(mixer.inner(input), request_.refit.on_student ? streams_->wanted(output, first, rows) : output);
  });
  auto& projection = mixer.output_projection();
  projection.weight.copy_(fit.solve(projection.weight));
}

double LayerStart::held_out_error(const Mixer& mixer) const {
  const Calibration& calibration = *request_.calibration;
  const int64_t first = calibration.fitted();
  const int64_t rows = std::clamp<int64_t>(kSampleTokens / calibration.ids.size(1), 1, calibration.held_out);
  const auto output = block_.mixer->forward(streams_->teacher_input(block_, first, rows));
  const auto made = mixer.forward(streams_->student_input(block_, first, rows));
  return (made - streams_->wanted(output, first, rows)).square().sum(at::kDouble).item<double>();
}

}  // namespace zebra
