#include "infer/generate.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.h"
#include "model/finite.h"

namespace zebra {

namespace {

constexpr int64_t kPrefillChunk = 1024;  // tokens at once: bounds the memory of a long prompt
// Sequences drawn together: on the CPU, where each core has its own, few enough that their caches stay near; on a
// device as many as keep it busy, where their states fit.
constexpr int64_t kCpuSampleRows = 32, kDeviceSampleRows = 1024;
constexpr size_t kDeviceSampleBytes = size_t{8} << 30;

// Of each row of probabilities [n, V] the first id at which the running sum passes u [n] (fp64, in [0, 1)): int64 [n].
// In whole numbers, whose sums are the same in any order, as a device adds them.
at::Tensor draw(const at::Tensor& probabilities, const at::Tensor& u) {
  const at::Tensor sums = (probabilities.to(at::kDouble) * 0x1p40).to(at::kLong).cumsum(-1);
  const int64_t last = sums.size(1) - 1;
  const at::Tensor passed = (u.unsqueeze(1) * sums.narrow(1, last, 1)).to(at::kLong);
  return at::searchsorted(sums, passed, /*out_int32=*/false, /*right=*/true).squeeze(1).clamp_max(last);
}

// The random numbers of rows first, first + 1, .. of a text: fp64 [draws, rows]. One stream a row: what a row says does
// not depend on how many are drawn together.
at::Tensor uniforms(uint64_t seed, uint64_t first, int64_t rows, int64_t draws) {
  const at::Tensor u = at::empty({draws, rows}, at::kDouble);
  double* values = u.mutable_data_ptr<double>();
  for (int64_t row = 0; row < rows; ++row) {
    Rng stream(seed, first + static_cast<uint64_t>(row));
    for (int64_t i = 0; i < draws; ++i) values[i * rows + row] = stream.uniform();
  }
  return u;
}

// Fills ids [rows, L]; hidden [rows, L, D], where defined, gets their final states.
void sample_rows(const Model& model, int64_t bos, uint64_t seed, uint64_t first, const at::Tensor& ids,
                 const at::Tensor& hidden) {
  const c10::InferenceMode inference;
  const auto device = model.head().weight.device();
  const int64_t rows = ids.size(0), length = ids.size(1);
  const at::Tensor u = uniforms(seed, first, rows, length - 1).to(device);
  StaticBatch batch(model, rows, length);
  FiniteWatch watch;
  const at::Tensor drawn = at::full({length, rows}, bos, at::TensorOptions(at::kLong).device(device));
  for (int64_t step = 0; step < length; ++step) {
    const bool last = step + 1 == length;
    if (last && !hidden.defined()) break;
    const at::Tensor output = batch.extend(drawn[step].unsqueeze(1)).squeeze(1);  // [rows, D]
    if (hidden.defined()) hidden.select(1, step).copy_(output);
    if (last) break;
    const at::Tensor logits = model.logits(output);
    watch.see(logits);
    drawn[step + 1].copy_(draw(at::softmax(logits, -1, at::kFloat), u[step]));
  }
  if (!watch.finite()) fail_not_finite(model, "logits");
  ids.copy_(drawn.t());
}

}  // namespace

at::Tensor read_prompt(const Model& model, const std::vector<int64_t>& ids, StaticBatch& batch) {
  const at::Tensor all = at::tensor(ids, at::kLong).unsqueeze(0).to(model.head().weight.device());
  at::Tensor last;
  for (int64_t start = 0; start < all.size(1); start += kPrefillChunk) {
    const int64_t length = std::min(kPrefillChunk, all.size(1) - start);
    last = batch.extend(all.narrow(1, start, length)).narrow(1, length - 1, 1);
  }
  return last;
}

std::vector<int64_t> generate(const Model& model, const std::vector<int64_t>& prompt, int64_t max_tokens,
                              const SamplingParams& params, const std::function<bool(int64_t id)>& each) {
  if (prompt.empty()) fail_usage("the prompt has no tokens: give some text");
  const c10::InferenceMode inference;
  const std::vector<int64_t>& eos = model.config().eos;
  StaticBatch batch(model, 1, static_cast<int64_t>(prompt.size()) + max_tokens);
  Rng rng(params.seed);
  std::vector<int64_t> made;
  if (max_tokens <= 0) return made;
  at::Tensor hidden = read_prompt(model, prompt, batch);
  const auto device = hidden.device();
  at::Tensor next = at::empty({1, 1}, at::kLong);
  while (true) {
    const at::Tensor logits = model.logits(hidden).to(at::kCPU, at::kFloat).contiguous();
    if (!all_finite(logits.const_data_ptr<float>(), logits.numel())) fail_not_finite(model, "logits");
    const int64_t id = sample_token(logits.const_data_ptr<float>(), logits.numel(), params, rng);
    if (std::find(eos.begin(), eos.end(), id) != eos.end()) break;
    made.push_back(id);
    if (each && !each(id)) break;
    if (static_cast<int64_t>(made.size()) == max_tokens) break;
    *next.mutable_data_ptr<int64_t>() = id;
    hidden = batch.extend(next.to(device));
  }
  return made;
}

int64_t rows_drawn_together(const Model& model, int64_t length) {
  if (model.head().weight.is_cpu()) return kCpuSampleRows;
  constexpr size_t kDrawBytes = 40;  // of a probability while draw() works
  const size_t row = StaticBatch(model, 1, length).bytes() + kDrawBytes * static_cast<size_t>(model.config().vocab);
  return std::clamp<int64_t>(static_cast<int64_t>(kDeviceSampleBytes / row), 1, kDeviceSampleRows);
}

at::Tensor sample_sequences(const Model& model, int64_t count, int64_t length, int64_t bos, uint64_t seed,
                            at::Tensor* hidden, uint64_t first) {
  if (bos < 0 || bos >= model.config().vocab) {
    fail_usage("sampling needs a token that begins a text: found ", bos, " in a vocabulary of ", model.config().vocab,
               "; set bos_token_id in config.json");
  }
  // Results are ordinary tensors, which training may keep; only the steps run in inference mode.
  const at::Tensor ids = at::empty({count, length}, at::kInt);
  if (hidden != nullptr) *hidden = at::empty({count, length, model.config().hidden}, at::kBFloat16);
  const at::Tensor states = hidden != nullptr ? *hidden : at::Tensor();
  const bool on_cpu = model.head().weight.is_cpu();
  const int64_t together = rows_drawn_together(model, length), groups = (count + together - 1) / together;
  const auto sample_groups = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * together; row < std::min(count, end * together); row += together) {
      const int64_t rows = std::min(together, count - row);
      sample_rows(model, bos, seed, first + static_cast<uint64_t>(row), ids.narrow(0, row, rows),
                  states.defined() ? states.narrow(0, row, rows) : states);
    }
  };
  // Whole groups side by side: inside one of them every operation stays on its thread.
  if (on_cpu && groups >= at::get_num_threads())
    at::parallel_for(0, groups, 1, sample_groups);
  else
    sample_groups(0, groups);
  return ids;
}

at::Tensor continue_rows(const Model& model, const at::Tensor& prompts, int64_t length, double temperature,
                         uint64_t seed, uint64_t first) {
  const c10::NoGradGuard no_grad;
  const int64_t rows = prompts.size(0), given = prompts.size(1);
  TORCH_CHECK(given > 0 && given <= length, "continuing ", given, " tokens to ", length);
  const auto device = model.head().weight.device();
  const at::Tensor u = uniforms(seed, first, rows, length - given).to(device);
  const at::Tensor ids = at::empty({rows, length}, at::TensorOptions(at::kLong).device(device));
  ids.narrow(1, 0, given).copy_(prompts);
  StaticBatch batch(model, rows, length);
  FiniteWatch watch;
  int64_t read = 0;  // tokens that it holds
  for (int64_t place = given; place < length; ++place) {
    const int64_t next = place - read;
    const at::Tensor output = batch.extend(ids.narrow(1, read, next)).select(1, next - 1);
    read = place;
    const at::Tensor logits = model.logits(output).to(at::kFloat);  // [n, V]
    watch.see(logits);
    ids.select(1, place).copy_(temperature == 0 ? logits.argmax(-1)
                                                : draw(at::softmax(logits / temperature, -1), u[place - given]));
  }
  if (!watch.finite()) fail_not_finite(model, "logits");
  return ids;
}

}  // namespace zebra
