// Greedy decoding of many prompts: batches of about one length, each read in one call and then continued a token of
// every row at a time.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "infer/generate.h"
#include "model/finite.h"

namespace zebra {

namespace {

using Ids = std::vector<int64_t>;

// Rows of a batch. On the CPU each core gets its own, of rows enough that packing the weights is shared by them.
constexpr int64_t kFewCpuRows = 16, kCpuRows = 64, kDeviceRows = 256;
constexpr int64_t kBatchTokens = 16384;  // of prompts, where each were as long as the longest

class GreedyDecoder {
 public:
  GreedyDecoder(const Model& model, const std::vector<Ids>& prompts, int64_t max_tokens,
                const std::function<bool(size_t, int64_t)>& each, const std::function<void(size_t)>& progress)
      : model_(model),
        prompts_(prompts),
        max_tokens_(max_tokens),
        each_(each),
        progress_(progress),
        made_(prompts.size()),
        device_(model.head().weight.device()) {}

  std::vector<Ids> run() {
    const std::vector<Group> all = groups();
    std::atomic<size_t> next = 0;
    const auto work = [&](int64_t, int64_t) {
      const c10::InferenceMode inference;
      for (size_t i; (i = next++) < all.size();) decode(all[i]);
    };
    // Whole groups side by side: inside one of them every operation stays on its thread.
    const int64_t threads = at::get_num_threads();
    if (device_.is_cpu() && std::ssize(all) >= threads)
      at::parallel_for(0, threads, 1, work);
    else
      work(0, 1);
    return std::move(made_);
  }

 private:
  using Group = std::vector<size_t>;  // prompts decoded together, the longest first
  int64_t length(size_t prompt) const { return std::ssize(prompts_[prompt]); }

  std::vector<Group> groups() const {
    Group order(prompts_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return length(a) > length(b); });
    const int64_t share = std::ssize(prompts_) / at::get_num_threads() + 1;
    const int64_t most = device_.is_cpu() ? std::clamp(share, kFewCpuRows, kCpuRows) : kDeviceRows;
    std::vector<Group> out;
    for (const size_t prompt : order) {
      const int64_t rows = out.empty() ? most : std::ssize(out.back());
      if (rows == most || (rows + 1) * length(out.back().front()) > kBatchTokens) out.emplace_back();
      out.back().push_back(prompt);
    }
    return out;
  }

  // Reads the prompts; final hidden states [rows, D] of their last tokens.
  at::Tensor read(const Group& group, StaticBatch& batch) const {
    if (group.size() == 1) return read_prompt(model_, prompts_[group.front()], batch).squeeze(1);
    Ids ids, lengths, ends;
    for (const size_t prompt : group) {
      ids.insert(ids.end(), prompts_[prompt].begin(), prompts_[prompt].end());
      lengths.push_back(length(prompt));
      ends.push_back(std::ssize(ids) - 1);
    }
    const at::Tensor hidden = batch.extend(at::tensor(ids, at::kLong).to(device_), lengths);
    return hidden.index_select(0, at::tensor(ends, at::kLong).to(device_));
  }

  // Whether the prompt's text goes on after this token.
  bool take(size_t prompt, int64_t id) {
    const Ids& eos = model_.config().eos;
    if (std::find(eos.begin(), eos.end(), id) != eos.end()) return false;
    Ids& made = made_[prompt];
    made.push_back(id);
    if (each_ && !each_(prompt, id)) return false;
    return std::ssize(made) < max_tokens_;
  }

  void count_finished() {
    if (!progress_) return;
    const std::lock_guard lock(mutex_);
    progress_(++finished_);
  }

  void decode(const Group& group) {
    constexpr size_t kEmpty = SIZE_MAX;  // a row whose text has ended
    Group rows = group;
    StaticBatch batch(model_, std::ssize(rows), length(rows.front()) + max_tokens_);
    at::Tensor hidden = read(rows, batch);
    for (;;) {
      const at::Tensor logits = model_.logits(hidden).to(at::kFloat);  // [rows, V]
      const at::Tensor finite = logits.sum().isfinite().to(at::kLong).view({1});
      const at::Tensor found = at::cat({logits.argmax(-1), finite}).to(at::kCPU);  // in one transfer
      at::Tensor ids = found.narrow(0, 0, std::ssize(rows));
      if (found.const_data_ptr<int64_t>()[rows.size()] == 0) fail_not_finite(model_, "logits");
      Ids places;
      for (size_t row = 0; row < rows.size(); ++row) {
        if (rows[row] != kEmpty && !take(rows[row], ids.const_data_ptr<int64_t>()[row])) {
          rows[row] = kEmpty;
          count_finished();
        }
        if (rows[row] != kEmpty) places.push_back(static_cast<int64_t>(row));
      }
      if (places.empty()) return;
      // Ended rows go on for nothing until their part of the work is worth a copy of the others' memory.
      if (4 * places.size() <= 3 * rows.size()) {
        batch = batch.select(places);
        ids = ids.index_select(0, at::tensor(places, at::kLong));
        std::erase(rows, kEmpty);
      }
      hidden = batch.extend(ids.unsqueeze(1).to(device_)).squeeze(1);
    }
  }

  const Model& model_;
  const std::vector<Ids>& prompts_;
  const int64_t max_tokens_;
  const std::function<bool(size_t, int64_t)>& each_;
  const std::function<void(size_t)>& progress_;
  std::vector<Ids> made_;
  const c10::Device device_;
  std::mutex mutex_;
  size_t finished_ = 0;
};

}  // namespace

std::vector<Ids> generate_greedy(const Model& model, const std::vector<Ids>& prompts, int64_t max_tokens,
                                 const std::function<bool(size_t prompt, int64_t id)>& each,
                                 const std::function<void(size_t done)>& progress) {
  for (const Ids& prompt : prompts) {
    if (prompt.empty()) fail_usage("the prompt has no tokens: give some text");
  }
  if (max_tokens <= 0) return std::vector<Ids>(prompts.size());
  return GreedyDecoder(model, prompts, max_tokens, each, progress).run();
}

}  // namespace zebra
