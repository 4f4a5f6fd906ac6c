#include "upcycle/streams.h"

#include <algorithm>

namespace zebra {

namespace {

constexpr int64_t kBatchTokens = 2048;

}  // namespace

Streams::Streams(const Calibration& calibration, const at::Tensor& embedding, at::Device device)
    : teacher_(at::embedding(embedding, calibration.ids).to(device, at::kFloat)),
      student_(teacher_),
      fitted_(calibration.fitted()) {}

void Streams::batches(bool fitted, const std::function<void(int64_t, int64_t)>& each) const {
  const int64_t rows = fitted ? fitted_ : teacher_.size(0);
  const int64_t step = std::max<int64_t>(1, kBatchTokens / teacher_.size(1));
  for (int64_t first = 0; first < rows; first += step) each(first, std::min(step, rows - first));
}

at::Tensor Streams::teacher_input(const Block& block, int64_t first, int64_t rows) const {
  return block.input_layernorm(teacher_.narrow(0, first, rows));
}

at::Tensor Streams::student_input(const Block& block, int64_t first, int64_t rows) const {
  return block.input_layernorm(student_.narrow(0, first, rows));
}

at::Tensor Streams::wanted(const at::Tensor& teacher_output, int64_t first, int64_t rows) const {
  return teacher_.narrow(0, first, rows) + teacher_output - student_.narrow(0, first, rows);
}

double Streams::advance(const Block& block, const Mixer* student) {
  if (student && student_.is_same(teacher_)) student_ = teacher_.clone();
  const bool equal = student_.is_same(teacher_);
  double error = 0, scale = 0;
  const auto step = [&](at::Tensor x, const Mixer& mixer) {
    const auto output = mixer.forward(block.input_layernorm(x));
    x += output;
    return output;
  };
  const auto finish = [&](at::Tensor x) { x += block.mlp(block.post_attention_layernorm(x)); };
  batches(false, [&](int64_t first, int64_t rows) {
    const auto t = teacher_.narrow(0, first, rows);
    const auto output = step(t, *block.mixer);
    if (!equal) {
      const auto s = student_.narrow(0, first, rows);
      step(s, student ? *student : *block.mixer);
      const int64_t skip = std::max<int64_t>(0, fitted_ - first);  // held-out rows only
      if (skip < rows) {
        error += (s - t).narrow(0, skip, rows - skip).square().sum(at::kDouble).item<double>();
        scale += output.narrow(0, skip, rows - skip).square().sum(at::kDouble).item<double>();
      }
      finish(s);
    }
    finish(t);
  });
  return scale > 0 ? error / scale : 0;
}

std::pair<at::Tensor, at::Tensor> Streams::held_out(const RmsNorm& norm) const {
  const auto rows = [&](const at::Tensor& x) { return norm(x.narrow(0, fitted_, x.size(0) - fitted_)).flatten(0, 1); };
  return {rows(teacher_), rows(student_)};
}

}  // namespace zebra
