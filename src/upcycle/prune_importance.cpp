#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "model/finite.h"
#include "upcycle/held_out_kl.h"
#include "upcycle/inherited.h"
#include "upcycle/prune.h"
#include "upcycle/teacher_blocks.h"

namespace zebra {

namespace {

constexpr int64_t kBatchTokens = 2048;

// Mean magnitude over the tokens of a row, root mean square over rows: [B, L, n] -> [n].
class RowMeans {
 public:
  void see(const at::Tensor& values) {
    const at::Tensor sum = values.to(at::kDouble).abs().mean(1).square().sum(0).cpu();
    sum_ = sum_.defined() ? sum_ + sum : sum;
    rows_ += values.size(0);
  }
  at::Tensor result() const { return (sum_ / static_cast<double>(rows_)).sqrt(); }

 private:
  at::Tensor sum_;
  int64_t rows_ = 0;
};

// Mean squares of channels: [B, L, D] -> [D].
class MeanSquares {
 public:
  void see(const at::Tensor& values) {
    const at::Tensor sum = values.to(at::kDouble).square().sum(at::IntArrayRef{0, 1}).cpu();
    sum_ = sum_.defined() ? sum_ + sum : sum;
    tokens_ += values.size(0) * values.size(1);
  }
  at::Tensor result() const { return sum_ / static_cast<double>(tokens_); }

 private:
  at::Tensor sum_;
  int64_t tokens_ = 0;
};

template <class Each>
void for_batches(const at::Tensor& rows, Each&& each) {
  const int64_t step = std::max<int64_t>(1, kBatchTokens / rows.size(1));
  for (int64_t first = 0; first < rows.size(0); first += step) {
    each(rows.narrow(0, first, std::min(step, rows.size(0) - first)));
  }
}

// Advances `stream` [N, L, D] through the block in place.
Importance::Layer observe(const Block& block, at::Tensor& stream, int64_t heads) {
  RowMeans first, second, neurons, head_norms;
  MeanSquares first_square, second_square;
  double cosines = 0;
  for_batches(stream, [&](at::Tensor x) {
    first_square.see(x);
    const at::Tensor u = block.input_layernorm(x);
    first.see(u);
    const at::Tensor inner = block.mixer->inner(u);
    head_norms.see(at::linalg_vector_norm(inner.unflatten(-1, {heads, -1}), 2, {-1}));
    const at::Tensor h = x + block.mixer->output_projection()(inner);
    second_square.see(h);
    const at::Tensor v = block.post_attention_layernorm(h);
    second.see(v);
    const at::Tensor active = block.mlp.neurons(v);
    neurons.see(active);
    const at::Tensor y = h + block.mlp.down_proj(active);
    cosines += at::cosine_similarity(x, y, -1).sum(at::kDouble).item<double>();
    x.copy_(y);
  });
  Importance::Layer out;
  out.first_norm = first.result(), out.second_norm = second.result();
  out.first_square = first_square.result(), out.second_square = second_square.result();
  out.neurons = neurons.result(), out.heads = head_norms.result();
  out.influence = 1 - cosines / static_cast<double>(stream.size(0) * stream.size(1));
  return out;
}

}  // namespace

Importance measure_importance(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                              at::Device device, const std::function<void(int64_t)>& each_layer) {
  const c10::InferenceMode inference;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  TeacherBlocks blocks(source, teacher, device);
  at::Tensor stream =
      at::embedding(source.get("model.embed_tokens.weight"), calibration.ids).to(options.device(), at::kFloat);
  Importance out;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const AttentionConfig& attention = *attention_in(teacher, layer);
    out.layers.push_back(observe(blocks.load(layer), stream, attention.heads));
    // A NaN stays in the stream, and what is infinite has no angle to what came before it.
    if (!std::isfinite(out.layers.back().influence)) {
      fail_not_finite(source, cat("the teacher's activations on the calibration text, in layer ", layer, ","));
    }
    blocks.drop(layer);
    if (each_layer) each_layer(layer + 1);
  }
  RmsNorm norm{source.get("model.norm.weight").to(options), teacher.norm_eps};
  RowMeans last;
  MeanSquares square;
  for_batches(stream, [&](const at::Tensor& x) { square.see(x), last.see(norm(x)); });
  out.last_norm = last.result(), out.last_square = square.result();
  return out;
}

std::vector<double> drop_scores(Model& teacher, const at::Tensor& ids, const std::function<void(int64_t)>& each) {
  const c10::InferenceMode inference;
  const at::Tensor rows = ids.to(teacher.head().weight.device());
  const auto hidden = [&] {
    std::vector<at::Tensor> parts;
    for_batches(rows, [&](const at::Tensor& part) { parts.push_back(teacher.hidden(part).flatten(0, 1)); });
    return at::cat(parts).to(at::kFloat);
  };
  const at::Tensor truth = hidden();
  std::vector<double> out;
  auto& blocks = teacher.blocks();
  for (size_t layer = 0; layer < blocks.size(); ++layer) {
    Block dropped = std::move(blocks[layer]);
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(layer));
    out.push_back(streamed_kl(truth, hidden(), teacher.head().weight));
    if (!std::isfinite(out.back())) fail_not_finite(teacher, "the teacher's logits on the calibration text");
    blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(layer), std::move(dropped));
    if (each) each(static_cast<int64_t>(layer) + 1);
  }
  return out;
}

}  // namespace zebra
