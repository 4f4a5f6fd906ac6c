#include "layers/batch.h"

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

int64_t room(const Sequence& sequence, int64_t page) {
  return std::ssize(sequence.pages) * page;
}

}  // namespace

Batch::Batch(at::Tensor ids_, const std::vector<Sequence>& sequences, int64_t page) : ids(std::move(ids_)) {
  int64_t count = 0, most_pages = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const Sequence& each = sequences[s];
    TORCH_CHECK(each.length >= 0 && each.held >= 0, "sequence ", s, " adds ", each.length, " tokens to ", each.held);
    if (each.held + each.length > room(each, page)) {
      fail(ErrorKind::usage, "the cache holds ", room(each, page), " tokens a row and ", each.held + each.length,
           " were given: make one of larger capacity or use shorter text");
    }
    lengths_.push_back(each.length), held_.push_back(each.held);
    longest_ = std::max(longest_, each.length);
    reach_ = std::max(reach_, each.held);
    even_ = even_ && each.length == sequences[0].length;
    same_ = same_ && each.held == sequences[0].held;
    in_order_ = in_order_ && each.slot == static_cast<int64_t>(s) && each.pages == std::vector{static_cast<int64_t>(s)};
    most_pages = std::max(most_pages, std::ssize(each.pages));
    count += each.length;
  }
  reach_ += longest_;
  for (const int64_t held : held_) ends_.push_back(held + longest_);
  TORCH_CHECK(ids.dim() == 1 && ids.numel() == count && ids.scalar_type() == at::kLong, "a batch of ", count,
              " tokens was given ids ", ids.sizes());

  const int64_t rows = this->sequences(), width = longest_;
  // All of it in one piece of memory: one transfer.
  const at::Tensor all = at::zeros(
      {2 * count + rows + 1 + rows + rows * most_pages + rows + (even_ ? 0 : rows * width + count)}, at::kLong);
  int64_t* at = all.mutable_data_ptr<int64_t>();
  std::vector<int64_t> sizes;
  const auto take = [&](int64_t size) {
    int64_t* const begin = at;
    at += size;
    sizes.push_back(size);
    return begin;
  };
  int64_t *position = take(count), *place = take(count), *before = take(rows + 1), *total = take(rows),
          *page_of = take(rows * most_pages), *slot = take(rows);
  int64_t *token_of_row = even_ ? nullptr : take(rows * width), *row_of_token = even_ ? nullptr : take(count);
  int64_t token = 0;
  for (int64_t s = 0; s < rows; ++s) {
    const Sequence& each = sequences[static_cast<size_t>(s)];
    for (int64_t t = 0; t < each.length; ++t, ++token) {
      const int64_t in_sequence = each.held + t;
      position[token] = in_sequence;
      place[token] = each.pages[static_cast<size_t>(in_sequence / page)] * page + in_sequence % page;
      if (!even_) token_of_row[s * width + t] = token, row_of_token[token] = s * width + t;
    }
    before[s + 1] = token;
    total[s] = each.held + each.length;
    std::copy(each.pages.begin(), each.pages.end(), page_of + s * most_pages);
    slot[s] = each.slot;
  }
  const auto parts = at::split_with_sizes(all.to(ids.device()), sizes);
  positions = parts[0], places = parts[1], cu_lengths = parts[2];
  totals = parts[3], pages = parts[4].view({rows, most_pages}), slots = parts[5];
  if (!even_) token_of_row_ = parts[6], row_of_token_ = parts[7];
}

at::Tensor Batch::rows(const at::Tensor& tokens) const {
  const at::Tensor rows = even_ ? tokens : tokens.index_select(0, token_of_row_);
  return rows.unflatten(0, {sequences(), longest_});
}

at::Tensor Batch::tokens(const at::Tensor& rows) const {
  const at::Tensor all = rows.flatten(0, 1);
  return even_ ? all : all.index_select(0, row_of_token_);
}

at::Tensor Batch::is_padding() const {
  if (even_) return {};
  const at::Tensor lengths = cu_lengths.diff().unsqueeze(1);
  return at::arange(longest_, lengths.options()) >= lengths;
}

const Rotation& Batch::rotation(const Rope& rope) const {
  for (const auto& [known, rotation] : rotations_) {
    if (known == &rope) return rotation;
  }
  rotations_.emplace_back(&rope, Rotation{});
  Rotation& made = rotations_.back().second;
  if (rope.depends_on_length(reach_)) {
    // Each sequence by its own length, so that it never depends on its neighbours or their padding.
    std::vector<at::Tensor> cos, sin;
    int64_t first = 0;
    for (size_t s = 0; s < lengths_.size(); ++s) {
      const Rotation own = rope.at(positions.narrow(0, first, lengths_[s]), held_[s] + lengths_[s]);
      cos.push_back(own.cos), sin.push_back(own.sin);
      first += lengths_[s];
    }
    made = {at::cat(cos, 1), at::cat(sin, 1), rope.interleaved()};
  } else {
    made = rope.at(positions, reach_);
  }
  return made;
}

}  // namespace zebra
