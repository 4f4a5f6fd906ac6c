#include "train/answer_rows.h"

#include <algorithm>

#include "base/error.h"
#include "io/crc32c.h"

namespace zebra {

AnswerBatch make_batch(const std::vector<const Example*>& examples, at::Device device) {
  std::vector<const AnswerRow*> rows;
  for (size_t which = 0; which < examples.front()->size(); ++which) {
    for (const auto* example : examples) rows.push_back(&(*example)[which]);
  }
  int64_t length = 0;
  for (const auto* row : rows) length = std::max(length, row->length());

  AnswerBatch out;
  at::Tensor ids = at::zeros({static_cast<int64_t>(rows.size()), length}, at::kLong);
  std::vector<int64_t> places, targets;
  for (size_t r = 0; r < rows.size(); ++r) {
    const AnswerRow& row = *rows[r];
    const int64_t start = static_cast<int64_t>(r) * length;
    std::copy(row.ids.begin(), row.ids.end(), ids.mutable_data_ptr<int64_t>() + start);
    for (size_t t = 1; t < row.ids.size(); ++t) {
      if (!row.counted[t]) continue;
      places.push_back(start + static_cast<int64_t>(t) - 1);
      targets.push_back(row.ids[t]);
    }
    if (r < examples.size()) out.first_tokens = static_cast<int64_t>(places.size());
  }
  out.ids = ids.to(device);
  out.places = at::tensor(places, at::kLong).to(device);
  out.targets = at::tensor(targets, at::kLong).to(device);
  return out;
}

at::Tensor counted_states(const Model& model, const AnswerBatch& batch) {
  return model.hidden(batch.ids).flatten(0, 1).index_select(0, batch.places);
}

at::Tensor row_sums(const at::Tensor& values, const AnswerBatch& batch) {
  // Every value has a place of its own, so that the order of addition is fixed on every device.
  const at::Tensor all = at::zeros({batch.ids.numel()}, values.options().dtype(at::kDouble));
  return all.index_copy(0, batch.places, values.to(at::kDouble)).view(batch.ids.sizes()).sum(-1);
}

AnswerRows::AnswerRows(std::vector<Example> examples, uint64_t seed, int64_t per_step, at::Device device)
    : examples_(std::move(examples)), order_(count(), seed), per_step_(per_step), device_(device) {}

std::vector<std::string> AnswerRows::content() const {
  std::vector<std::string> out;
  for (size_t which = 0; which < examples_.front().size(); ++which) {
    uint32_t sum = 0;
    int64_t tokens = 0;
    for (const auto& example : examples_) {
      const AnswerRow& row = example[which];
      // As many flags as ids, none of them a token of the next row: rows cannot run into each other unseen.
      sum = crc32c({reinterpret_cast<const char*>(row.ids.data()), row.ids.size() * sizeof(int32_t)}, sum);
      sum = crc32c({row.counted.data(), row.counted.size()}, sum);
      tokens += row.length();
    }
    out.push_back(cat(examples_.size(), " rows, ", tokens, " tokens, crc32c ", sum));
  }
  return out;
}

AnswerBatch AnswerRows::batch(int64_t first, int64_t count) {
  std::vector<const Example*> picked;
  for (int64_t position = first; position < first + count; ++position) picked.push_back(&at(position));
  return make_batch(picked, device_);
}

int64_t AnswerRows::tokens(int64_t first, int64_t count) {
  int64_t sum = 0;
  for (int64_t position = first; position < first + count; ++position) {
    for (const auto& row : at(position)) sum += row.length();
  }
  return sum;
}

int64_t AnswerRows::counted(int64_t first, int64_t count) {
  int64_t sum = 0;
  for (int64_t position = first; position < first + count; ++position) sum += at(position).front().counted_tokens();
  return sum;
}

double AnswerRows::share(int64_t first, int64_t count) {
  if (count == per_step_) return 1;
  const int64_t step = first / per_step_ * per_step_;
  return static_cast<double>(counted(first, count)) / static_cast<double>(counted(step, per_step_)) *
         (static_cast<double>(per_step_) / static_cast<double>(count));
}

}  // namespace zebra
