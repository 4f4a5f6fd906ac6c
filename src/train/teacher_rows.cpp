#include "train/teacher_rows.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "infer/generate.h"
#include "io/crc32c.h"

namespace zebra {

namespace {

// Far apart for neighbouring seeds of the text as well.
uint64_t block_seed(uint64_t seed, int64_t block) {
  return seed * 0x9E3779B97F4A7C15ull + static_cast<uint64_t>(block);
}

}  // namespace

TeacherRows::TeacherRows(const Model& teacher, TokenBlock block, uint64_t seed, int64_t rows_needed, Limits limits)
    : teacher_(teacher),
      limits_(limits),
      length_(block.length),
      count_(block.count()),
      seed_(seed),
      tokens_(std::move(block)),
      order_(count_, seed) {
  limit_cache(rows_needed);
}

TeacherRows::TeacherRows(const Model& teacher, int64_t length, uint64_t seed, int64_t samples, int64_t rows_needed,
                         Limits limits)
    : teacher_(teacher),
      limits_(limits),
      length_(length),
      count_(samples > 0 ? samples : rows_needed),
      seed_(seed),
      sampled_(true),
      endless_(samples == 0 || samples >= rows_needed),
      order_(count_, seed) {
  if (teacher.config().bos < 0) {
    fail_input("teacher: config.json has no bos_token_id, with which its own text would begin; pass --data FILE");
  }
  limit_cache(rows_needed);
}

void TeacherRows::limit_cache(int64_t rows_needed) {
  const auto width = static_cast<int64_t>(limits_.exact ? teacher_.head().weight.element_size() : 2);
  const int64_t row_bytes = length_ * teacher_.config().hidden * width;
  const int64_t held = endless_ ? limits_.block_rows : count_;
  // Text from files is read by the teacher as it comes unless rows return; its own text carries the states anyway.
  caches_ = (sampled_ || rows_needed > count_) && held * row_bytes <= limits_.cache_bytes;
}

std::string TeacherRows::text_identity() const {
  if (!sampled_) {
    const std::string_view bytes(reinterpret_cast<const char*>(tokens_.ids.data()),
                                 tokens_.ids.size() * sizeof(int32_t));
    const std::string_view starts(reinterpret_cast<const char*>(tokens_.starts.data()), tokens_.starts.size());
    return cat(tokens_.ids.size(), " tokens of files, crc32c ", crc32c(bytes), ", documents ", crc32c(starts));
  }
  return cat("sample of ", endless_ ? "new" : cat(count_), " rows, ", limits_.block_rows, " a block");
}

TeacherBatch TeacherRows::text(int64_t first, int64_t rows, int64_t length) {
  std::vector<at::Tensor> ids, starts;
  for (int64_t position = first; position < first + rows; ++position) {
    const int64_t row = row_at(position), at = row % limits_.block_rows;
    const Block& from = block(row / limits_.block_rows);
    ids.push_back(from.ids[at]);
    if (from.starts.defined()) starts.push_back(from.starts[at]);
  }
  const int64_t wide = length > 0 ? length : length_;
  TeacherBatch out;
  out.ids = at::stack(ids).to(teacher_.head().weight.device(), at::kLong).view({-1, wide});
  if (!starts.empty()) out.rows.starts = at::stack(starts).view({-1, wide});
  return out;
}

TeacherBatch TeacherRows::batch(int64_t first, int64_t rows, int64_t length) {
  c10::NoGradGuard no_grad;
  TeacherBatch out = text(first, rows, length);
  std::vector<at::Tensor> hidden;
  for (int64_t position = first; caches_ && position < first + rows; ++position) {
    const int64_t row = row_at(position);
    hidden.push_back(block(row / limits_.block_rows).hidden[row % limits_.block_rows]);
  }
  const at::TensorOptions options = teacher_.head().weight.options();
  out.hidden = hidden.empty() ? teacher_hidden(out.ids, out.rows)
                              : at::stack(hidden).to(options.device(), at::typeMetaToScalarType(options.dtype()));
  return out;
}

const TeacherRows::Block& TeacherRows::block(int64_t index) {
  const auto found = blocks_.find(index);
  if (found != blocks_.end()) return found->second;
  if (endless_) blocks_.clear();  // positions only grow: the block before will not be asked for again
  return blocks_[index] = sampled_ ? write_block(index) : read_block(index);
}

TeacherRows::Block TeacherRows::write_block(int64_t index) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t rows = std::min(limits_.block_rows, count_ - index * limits_.block_rows);
  Block out;
  out.ids = sample_sequences(teacher_, rows, length_, teacher_.config().bos, block_seed(seed_, index),
                             caches_ && !limits_.exact ? &out.hidden : nullptr);
  if (caches_ && limits_.exact) read_hidden(out);
  seconds_writing_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

TeacherRows::Block TeacherRows::read_block(int64_t index) const {
  const int64_t first = index * limits_.block_rows, rows = std::min(limits_.block_rows, count_ - first);
  Block out;
  out.ids = at::empty({rows, length_}, at::kInt);
  std::memcpy(out.ids.data_ptr(), tokens_.ids.data() + first * length_, out.ids.nbytes());
  if (limits_.apart) {
    out.starts = at::empty({rows, length_}, at::kBool);
    std::memcpy(out.starts.data_ptr(), tokens_.starts.data() + first * length_, out.starts.nbytes());
  }
  if (caches_) read_hidden(out);
  return out;
}

void TeacherRows::read_hidden(Block& block) const {
  std::vector<at::Tensor> parts;
  constexpr int64_t kRows = 16;  // a forward pass
  for (int64_t row = 0; row < block.ids.size(0); row += kRows) {
    const int64_t count = std::min(kRows, block.ids.size(0) - row);
    const at::Tensor ids = block.ids.narrow(0, row, count).to(teacher_.head().weight.device(), at::kLong);
    const Rows rows{.starts = block.starts.defined() ? block.starts.narrow(0, row, count) : at::Tensor()};
    const at::Tensor hidden = teacher_hidden(ids, rows);
    parts.push_back(limits_.exact ? hidden : hidden.to(at::kBFloat16));
  }
  block.hidden = at::cat(parts);
}

at::Tensor TeacherRows::teacher_hidden(const at::Tensor& ids, const Rows& rows) const {
  c10::NoGradGuard no_grad;
  return teacher_.hidden(ids, rows);
}

}  // namespace zebra
