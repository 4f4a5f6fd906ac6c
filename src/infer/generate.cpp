#include "infer/generate.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

constexpr int64_t kPrefillChunk = 1024;  // tokens at once: bounds the memory of a long prompt
// Sequences drawn together: on the CPU, where each core has its own, few enough that their caches stay near.
constexpr int64_t kCpuSampleRows = 32, kDeviceSampleRows = 256;

// The first id at which the running sum of the (normalised) probabilities passes u.
int64_t draw(const float* probabilities, int64_t vocab, double u) {
  double sum = 0;
  int64_t possible = 0;
  for (int64_t id = 0; id < vocab; ++id) {
    if (probabilities[id] <= 0) continue;
    possible = id;
    sum += static_cast<double>(probabilities[id]);
    if (sum > u) return id;
  }
  return possible;  // the sum stayed below u by rounding
}

// Draws rows [first, first + rows) of ids [count, L]; hidden [count, L, D], where defined, gets their final states.
void sample_rows(const Model& model, int64_t first, int64_t rows, int64_t bos, uint64_t seed, const at::Tensor& ids,
                 const at::Tensor& hidden) {
  const c10::InferenceMode inference;
  const auto device = model.head().weight.device();
  const int64_t length = ids.size(1);
  // One stream a row: a row's text does not depend on how many are drawn together.
  std::vector<Rng> streams;
  for (int64_t row = 0; row < rows; ++row) streams.emplace_back(seed, static_cast<uint64_t>(first + row));
  ModelState state = model.make_state(rows, length);
  at::Tensor current = at::full({rows, 1}, bos, at::kLong);
  for (int64_t step = 0; step < length; ++step) {
    ids.narrow(0, first, rows).select(1, step).copy_(current.squeeze(1));
    const bool last = step + 1 == length;
    if (last && !hidden.defined()) break;
    const at::Tensor output = model.hidden(current.to(device), {}, &state).squeeze(1);  // [rows, D]
    if (hidden.defined()) hidden.narrow(0, first, rows).select(1, step).copy_(output);
    if (last) break;
    const at::Tensor probabilities =
        at::softmax(model.logits(output), -1, at::kFloat).to(at::kCPU).contiguous();  // [rows, V]
    const float* values = probabilities.const_data_ptr<float>();
    const int64_t vocab = probabilities.size(1);
    current = at::empty({rows, 1}, at::kLong);
    int64_t* next = current.mutable_data_ptr<int64_t>();
    at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        next[row] = draw(values + row * vocab, vocab, streams[static_cast<size_t>(row)].uniform());
      }
    });
  }
}

}  // namespace

at::Tensor read_prompt(const Model& model, const std::vector<int64_t>& ids, ModelState& state) {
  const at::Tensor all = at::tensor(ids, at::kLong).unsqueeze(0).to(model.head().weight.device());
  at::Tensor last;
  for (int64_t start = 0; start < all.size(1); start += kPrefillChunk) {
    const int64_t length = std::min(kPrefillChunk, all.size(1) - start);
    last = model.hidden(all.narrow(1, start, length), {}, &state).narrow(1, length - 1, 1);
  }
  return last;
}

std::vector<int64_t> generate(const Model& model, const std::vector<int64_t>& prompt, int64_t max_tokens,
                              const SamplingParams& params, const std::function<bool(int64_t id)>& each) {
  if (prompt.empty()) fail_usage("the prompt has no tokens: give some text");
  const c10::InferenceMode inference;
  const std::vector<int64_t>& eos = model.config().eos;
  ModelState state = model.make_state(1, static_cast<int64_t>(prompt.size()) + max_tokens);
  Rng rng(params.seed);
  std::vector<int64_t> made;
  if (max_tokens <= 0) return made;
  at::Tensor hidden = read_prompt(model, prompt, state);
  const auto device = hidden.device();
  at::Tensor next = at::empty({1, 1}, at::kLong);
  while (true) {
    const at::Tensor logits = model.logits(hidden).to(at::kCPU, at::kFloat).contiguous();
    const int64_t id = sample_token(logits.const_data_ptr<float>(), logits.numel(), params, rng);
    if (std::find(eos.begin(), eos.end(), id) != eos.end()) break;
    made.push_back(id);
    if (each && !each(id)) break;
    if (static_cast<int64_t>(made.size()) == max_tokens) break;
    *next.mutable_data_ptr<int64_t>() = id;
    hidden = model.hidden(next.to(device), {}, &state);
  }
  return made;
}

at::Tensor sample_sequences(const Model& model, int64_t count, int64_t length, int64_t bos, uint64_t seed,
                            at::Tensor* hidden) {
  if (bos < 0 || bos >= model.config().vocab) {
    fail_usage("sampling needs a token that begins a text: found ", bos, " in a vocabulary of ", model.config().vocab,
               "; set bos_token_id in config.json");
  }
  // Results are ordinary tensors, which training may keep; only the steps run in inference mode.
  const at::Tensor ids = at::empty({count, length}, at::kInt);
  if (hidden != nullptr) *hidden = at::empty({count, length, model.config().hidden}, at::kBFloat16);
  const at::Tensor states = hidden != nullptr ? *hidden : at::Tensor();
  const bool on_cpu = model.head().weight.is_cpu();
  const int64_t together = on_cpu ? kCpuSampleRows : kDeviceSampleRows, groups = (count + together - 1) / together;
  const auto sample_groups = [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * together; first < std::min(count, end * together); first += together) {
      sample_rows(model, first, std::min(together, count - first), bos, seed, ids, states);
    }
  };
  // Whole groups side by side: inside one of them every operation stays on its thread.
  if (on_cpu && groups >= at::get_num_threads())
    at::parallel_for(0, groups, 1, sample_groups);
  else
    sample_groups(0, groups);
  return ids;
}

uint64_t block_seed(uint64_t seed, int64_t block) {
  return seed * 0x9E3779B97F4A7C15ull + static_cast<uint64_t>(block);
}

at::Tensor continue_rows(const Model& model, const at::Tensor& prompts, int64_t length, double temperature,
                         uint64_t seed, uint64_t first) {
  const c10::NoGradGuard no_grad;
  const int64_t rows = prompts.size(0), given = prompts.size(1);
  TORCH_CHECK(given > 0 && given <= length, "continuing ", given, " tokens to ", length);
  const auto device = model.head().weight.device();
  std::vector<Rng> streams;
  for (int64_t row = 0; row < rows; ++row) streams.emplace_back(seed, first + static_cast<uint64_t>(row));
  const at::Tensor ids = at::empty({rows, length}, at::kLong);
  ids.narrow(1, 0, given).copy_(prompts);
  ModelState state = model.make_state(rows, length);
  int64_t read = 0;  // tokens in the state
  for (int64_t place = given; place < length; ++place) {
    const int64_t next = place - read;
    const at::Tensor output = model.hidden(ids.narrow(1, read, next).to(device), {}, &state).select(1, next - 1);
    read = place;
    const at::Tensor logits = model.logits(output).to(at::kFloat);  // [n, V]
    if (temperature == 0) {
      ids.select(1, place).copy_(logits.argmax(-1));
      continue;
    }
    const at::Tensor probabilities = at::softmax(logits / temperature, -1).to(at::kCPU).contiguous();
    const int64_t vocab = probabilities.size(1);
    for (int64_t row = 0; row < rows; ++row) {
      const float* values = probabilities.const_data_ptr<float>() + row * vocab;
      ids.select(1, place)[row] = draw(values, vocab, streams[static_cast<size_t>(row)].uniform());
    }
  }
  return ids.to(device);
}

}  // namespace zebra
