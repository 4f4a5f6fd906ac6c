#include "upcycle/mla_shape.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "layers/rope.h"
#include "upcycle/mla_rope_table.h"

namespace zebra {

namespace {

int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// The rope table that AMD's scripts give an MLA layer: YaRN with the factor of the parent's scaling.
RopeConfig reference_rope(const RopeConfig& parent, Format format) {
  RopeConfig rope;
  rope.layout = RopeConfig::Layout::interleaved;
  rope.theta = parent.theta;
  rope.max_position = parent.max_position;
  if (parent.type == RopeConfig::Type::standard || parent.factor == 1) return rope;
  rope.type = RopeConfig::Type::yarn;
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.factor = parent.factor;
  // X-EcoMLA does not pass the original length on, so that its table's default holds.
  rope.original_max_position = format == Format::x_ecomla         ? 4096
                               : parent.original_max_position > 0 ? parent.original_max_position
                                                                  : parent.max_position;
  return rope;
}

class Shape {
 public:
  explicit Shape(const StudentOptions& options) : options_(options) {}

  MlaConfig mla_config(const AttentionConfig& parent, Format format, int64_t rank, int64_t rope_dim) const {
    const bool reference = options_.mla.reference;
    MlaConfig mla;
    mla.hidden = parent.hidden, mla.heads = parent.heads;
    mla.kv_heads = format == Format::x_ecomla || options_.full_kv_head ? parent.heads : parent.kv_heads;
    mla.kv_rank = rank, mla.rope_dim = rope_dim;
    mla.v_dim = options_.v_dim < 0 ? parent.head_dim : options_.v_dim;
    check_key(parent, rank, rope_dim);
    mla.nope_dim = options_.nope_dim >= 0  ? options_.nope_dim
                   : options_.mla.residual ? parent.head_dim
                                           : parent.head_dim - mla.rope_dim;
    mla.q_rank = options_.q_rank >= 0 ? options_.q_rank : reference ? round_up(parent.hidden * 1344 / 2048, 8) : 0;
    mla.lora_norm = options_.lora_norm;
    mla.qkv_bias = parent.qkv_bias;
    mla.sliding_window = parent.sliding_window;
    if (reference) {
      mla.rope = reference_rope(parent.rope, format);
    } else {
      mla.rope.layout = RopeConfig::Layout::half;
      mla.rope.theta = parent.rope.theta;
      mla.rope.max_position = parent.rope.max_position;
      if (parent.rope.type == RopeConfig::Type::dynamic) {
        // Grows with the text as the teacher's; the other kinds of scaling are in the frequencies themselves.
        mla.rope.type = parent.rope.type, mla.rope.factor = parent.rope.factor;
        std::vector<int64_t> first(static_cast<size_t>(rope_dim / 2));
        std::iota(first.begin(), first.end(), 0);
        mla.rope = with_frequencies(mla.rope, rope_frequencies(parent.rope, parent.head_dim), first);
      }
    }
    check(mla, parent);
    return mla;
  }

  int64_t rank_of(int64_t layer) const {
    const auto single = options_.kv_ranks.find(layer);
    return single == options_.kv_ranks.end() ? options_.kv_rank : single->second;
  }

  int64_t rope_dim_of(int64_t layer) const {
    const auto single = options_.rope_dims.find(layer);
    return single == options_.rope_dims.end() ? options_.rope_dim : single->second;
  }

 private:
  void check_key(const AttentionConfig& parent, int64_t rank, int64_t rope) const {
    if (rank < 1) fail_usage("--kv-rank: expected a rank from 1 to ", parent.hidden, ", found ", rank);
    if (rope < 2 || rope % 2 || rope > parent.head_dim) {
      fail_usage(rope == options_.rope_dim ? "--rope-dim" : "--rope-dims", ": expected even numbers from 2 to the ",
                 "head_dim ", parent.head_dim, ", found ", rope);
    }
    const auto& pairs = options_.rope_pairs;
    if (!pairs.empty() && pairs.back() >= parent.head_dim / 2) {
      fail_usage("--rope-pairs: the teacher has ", parent.head_dim / 2, " frequencies, from 0 on, found ",
                 pairs.back());
    }
  }

  void check(const MlaConfig& mla, const AttentionConfig& parent) const {
    const bool reference = options_.mla.reference;
    const int64_t rows = mla.kv_heads * (reference ? 2 * parent.head_dim : mla.nope_dim + mla.v_dim);
    const int64_t largest = std::min(parent.hidden + (parent.qkv_bias ? 1 : 0), rows);
    if (mla.kv_rank > largest) {
      fail_usage("--kv-rank ", mla.kv_rank, ": keys and values of a layer have rank ", largest,
                 " at most; choose a rank up to that");
    }
    const int64_t q_largest = std::min(parent.hidden, parent.heads * parent.head_dim);
    if (mla.q_rank > q_largest) {
      fail_usage("--q-rank ", mla.q_rank, ": the query projection has rank ", q_largest, " at most; use \"exact\"");
    }
    if (mla.v_dim != parent.head_dim) {
      fail_usage("--v-dim ", mla.v_dim, ": values keep the teacher's head_dim ", parent.head_dim,
                 ", since the output projection is inherited");
    }
    if (reference && (mla.nope_dim < 0 || mla.nope_dim > parent.head_dim)) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected 0 to the head_dim ", parent.head_dim);
    }
    if (reference && (mla.kv_rank % 8 || mla.q_rank % 8)) {
      fail_usage("--init reference: AMD's ranks are multiples of 8, found --kv-rank ", mla.kv_rank, " and q rank ",
                 mla.q_rank);
    }
    if (reference && mla.q_rank == 0) {
      fail_usage("--q-rank exact: AMD's initialisation factors the query; give a rank or use --init refined");
    }
    if (!reference &&
        (mla.nope_dim == 0 || (mla.nope_dim != parent.head_dim && mla.nope_dim != parent.head_dim - mla.rope_dim))) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected the head_dim ", parent.head_dim,
                 " (what the shared key leaves is kept) or, below it, ", parent.head_dim,
                 " - rope-dim = ", parent.head_dim - mla.rope_dim, " (only the frequencies that lose their rotation)");
    }
    if (!reference && (options_.full_kv_head || mla.lora_norm)) {
      fail_usage("--full-kv-head and --lora-norm belong to --init reference");
    }
  }

  const StudentOptions& options_;
};

}  // namespace

MlaConfig mla_shape(const StudentOptions& options, const AttentionConfig& parent, Format format, int64_t layer) {
  const Shape shape(options);
  return shape.mla_config(parent, format, shape.rank_of(layer), shape.rope_dim_of(layer));
}

}  // namespace zebra
