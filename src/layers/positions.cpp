#include "layers/positions.h"

#include <algorithm>

#include "base/error.h"
#include "ops/attention.h"

namespace zebra {

Positions::Positions(int64_t batch, int64_t length, const Span& span, const State* state)
    : length_(length), offsets_(static_cast<size_t>(batch), 0), lengths_(static_cast<size_t>(batch), length) {
  if (state != nullptr) {
    TORCH_CHECK(state->seen.numel() == batch, "a state of ", state->seen.numel(), " rows met a batch of ", batch);
    std::copy_n(state->seen.const_data_ptr<int64_t>(), batch, offsets_.begin());
  }
  if (span.lengths.defined()) {
    TORCH_CHECK(span.lengths.numel() == batch && span.lengths.scalar_type() == at::kLong,
                "Span::lengths must be int64 [", batch, "]");
    const at::Tensor lengths = span.lengths.contiguous();
    std::copy_n(lengths.const_data_ptr<int64_t>(), batch, lengths_.begin());
  }
  for (size_t row = 0; row < offsets_.size(); ++row) {
    TORCH_CHECK(lengths_[row] >= 0 && lengths_[row] <= length, "row ", row, " has length ", lengths_[row], " of ",
                length);
    full_ = full_ && lengths_[row] == length;
    same_ = same_ && offsets_[row] == offsets_[0];
    end_ = std::max(end_, offsets_[row] + lengths_[row]);
  }
}

at::Tensor Positions::each(at::Device device) const {
  const at::Tensor starts = at::tensor(offsets_, at::kLong).unsqueeze(1);
  return (starts + at::arange(length_, at::kLong)).to(device);
}

at::Tensor Positions::is_real(at::Device device) const {
  const at::Tensor ends = at::tensor(lengths_, at::kLong).unsqueeze(1);
  return (at::arange(length_, at::kLong) < ends).to(device);
}

void Positions::advance(State& state) const {
  int64_t* seen = state.seen.mutable_data_ptr<int64_t>();
  for (size_t row = 0; row < lengths_.size(); ++row) seen[row] += lengths_[row];
}

void check_capacity(const Positions& positions, int64_t capacity) {
  if (positions.end() > capacity) {
    fail(ErrorKind::usage, "the cache holds ", capacity, " tokens a row and ", positions.end(),
         " were given: make a state of larger capacity or use shorter text");
  }
}

bool is_block(const Positions& positions, int64_t capacity) {
  return positions.same_start() && positions.offsets()[0] + positions.length() <= capacity;
}

void write_cache(const at::Tensor& cache, const at::Tensor& values, const Positions& positions) {
  check_capacity(positions, cache.size(1));
  if (is_block(positions, cache.size(1))) {
    cache.narrow(1, positions.offsets()[0], positions.length()).copy_(values);
    return;
  }
  if (positions.length() == 1 && positions.full()) {
    const at::Tensor rows = at::arange(positions.batch(), at::kLong),
                     places = at::tensor(positions.offsets(), at::kLong);
    cache.index_put_({rows.to(cache.device()), places.to(cache.device())}, values.squeeze(1));
    return;
  }
  for (int64_t row = 0; row < positions.batch(); ++row) {
    const int64_t length = positions.lengths()[static_cast<size_t>(row)];
    const int64_t offset = positions.offsets()[static_cast<size_t>(row)];
    if (length > 0) cache.select(0, row).narrow(0, offset, length).copy_(values.select(0, row).narrow(0, 0, length));
  }
}

at::Tensor attention_rows(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int64_t window,
                          const Positions& positions) {
  std::vector<int64_t> keys;
  for (const int64_t offset : positions.offsets()) keys.push_back(offset + positions.length());
  return ops::attention(q, k, v, scale, window, keys);
}

}  // namespace zebra
