#include "model/static_batch.h"

namespace zebra {

StaticBatch::StaticBatch(const Model& model, int64_t rows, int64_t capacity)
    : model_(&model),
      capacity_(capacity),
      memory_(model.make_memory({.pages = rows, .page = capacity, .slots = rows})),
      held_(static_cast<size_t>(rows), 0) {
  model.reserve_positions(capacity);
}

at::Tensor StaticBatch::extend(const at::Tensor& ids) {
  const std::vector<int64_t> lengths(held_.size(), ids.size(1));
  return extend(ids.flatten(), lengths).unflatten(0, ids.sizes());
}

at::Tensor StaticBatch::extend(const at::Tensor& ids, const std::vector<int64_t>& lengths) {
  TORCH_CHECK(lengths.size() == held_.size(), lengths.size(), " lengths of ", held_.size(), " sequences");
  at::Tensor hidden;
  if (held_.size() == 1 && held_[0] < capacity_ && model_->can_step(ids, memory_)) {
    hidden = model_->step(ids, memory_, 0, held_[0]);
  } else {
    std::vector<Sequence> sequences;
    for (size_t row = 0; row < held_.size(); ++row) {
      const auto place = static_cast<int64_t>(row);
      sequences.push_back({.length = lengths[row], .held = held_[row], .pages = {place}, .slot = place});
    }
    hidden = model_->extend(Batch(ids, sequences, capacity_), memory_);
  }
  for (size_t row = 0; row < held_.size(); ++row) held_[row] += lengths[row];
  return hidden;
}

StaticBatch StaticBatch::select(const std::vector<int64_t>& places) const {
  StaticBatch out = *this;
  out.memory_ = memory_.copy(places, places);
  out.held_.clear();
  for (const int64_t place : places) out.held_.push_back(held_[static_cast<size_t>(place)]);
  return out;
}

}  // namespace zebra
