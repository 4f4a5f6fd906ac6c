#pragma once
// What a student learns from: rows of tokens with the teacher's final hidden states, in an order that is a pure
// function of (seed, position). Rows are made in blocks whose content depends on nothing but their number, so that a
// resumed run sees the same bits.
#include <functional>
#include <map>
#include <string>

#include "data/documents.h"
#include "model/model.h"

namespace zebra {

struct TeacherBatch {
  at::Tensor ids;     // int64 [n, L]
  Rows rows;          // where documents begin, if they are kept apart
  at::Tensor hidden;  // [n, L, D] of the teacher's final norm, in the teacher's dtype
};

class TeacherRows {
 public:
  struct Limits {
    int64_t block_rows = 256;
    // Memory for the teacher's hidden states (bf16); rows that do not fit go through the teacher each time.
    int64_t cache_bytes = int64_t{4} << 30;
    bool apart = false;  // documents of files do not see each other
    bool exact = false;  // the states that are kept are in the teacher's dtype
  };

  // Rows of `block`, shuffled anew each epoch; `rows_needed` says whether any row comes twice.
  TeacherRows(const Model& teacher, TokenBlock block, uint64_t seed, int64_t rows_needed, Limits limits);
  // Rows that the teacher writes itself, `samples` different ones, or never the same twice if 0.
  TeacherRows(const Model& teacher, int64_t length, uint64_t seed, int64_t samples, int64_t rows_needed, Limits limits);

  // Rows [first, first + rows) of the run, each cut into rows of `length` tokens, a divisor of L, if that is given.
  TeacherBatch batch(int64_t first, int64_t rows, int64_t length = 0);
  TeacherBatch text(int64_t first, int64_t rows, int64_t length = 0);  // the same without the teacher's states
  bool caches() const { return caches_; }
  // Which text it is, apart from the teacher, the length and the seed; the same words mean the same rows.
  std::string text_identity() const;
  double seconds_writing() const { return seconds_writing_; }  // time spent in sampling text

 private:
  struct Block {
    at::Tensor ids;     // int32 [rows, L] on the CPU
    at::Tensor starts;  // bool [rows, L] on the CPU, where documents are kept apart
    at::Tensor hidden;  // [rows, L, D] on the teacher's device, or undefined
  };
  void limit_cache(int64_t rows);
  const Block& block(int64_t index);
  Block write_block(int64_t index);
  Block read_block(int64_t index) const;
  void read_hidden(Block& block) const;
  at::Tensor teacher_hidden(const at::Tensor& ids, const Rows& rows) const;
  int64_t row_at(int64_t position) { return endless_ ? position : order_(position); }

  const Model& teacher_;
  Limits limits_;
  int64_t length_ = 0, count_ = 0;  // count_: different rows
  uint64_t seed_ = 0;
  bool sampled_ = false, endless_ = false, caches_ = false;
  TokenBlock tokens_;
  ShuffledOrder order_;
  std::map<int64_t, Block> blocks_;
  double seconds_writing_ = 0;
};

}  // namespace zebra
