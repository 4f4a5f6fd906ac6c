#include "train/distill_rows.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

namespace {

// Rows held out are chosen and written by other random numbers than those of the run.
uint64_t held_out_seed(int64_t seed) {
  return (static_cast<uint64_t>(seed) + 1) * 0xBF58476D1CE4E5B9ull;
}

int64_t default_held_out(int64_t rows) {
  return std::clamp<int64_t>(rows / 200, 4, 64);
}

// Takes `count` rows out of the block, chosen by seed.
TokenBlock take_rows(TokenBlock& block, int64_t count, uint64_t seed) {
  ShuffledOrder order(block.count(), seed);
  std::vector<bool> taken(static_cast<size_t>(block.count()), false);
  for (int64_t i = 0; i < count; ++i) taken[static_cast<size_t>(order(i))] = true;
  TokenBlock out{.length = block.length, .ids = {}, .starts = {}}, rest = out;
  for (int64_t row = 0; row < block.count(); ++row) {
    TokenBlock& to = taken[static_cast<size_t>(row)] ? out : rest;
    const auto move = [&](auto& into, const auto& from) {
      const auto begin = from.begin() + row * block.length;
      into.insert(into.end(), begin, begin + block.length);
    };
    move(to.ids, block.ids);
    if (!block.starts.empty()) move(to.starts, block.starts);
  }
  block = std::move(rest);
  return out;
}

// How many rows of a text of `rows` are held out.
int64_t held_out_of(const DistillOptions& options, int64_t wanted, int64_t rows) {
  if (options.held_out >= 0) {
    if (wanted >= rows) {
      fail_usage("held_out: expected fewer than the ", rows, " rows of ", options.train.length, " tokens of the text, ",
                 "found ", wanted, ": the others are trained on");
    }
    return wanted;
  }
  if (rows < 4) {
    log_warning(cat("the text has ", rows, " rows of ", options.train.length, " tokens: none is held out, so nothing ",
                    "says whether the student came closer to its teacher"));
    return 0;
  }
  return std::min(wanted, std::max<int64_t>(1, rows / 10));
}

}  // namespace

DistillationRows distillation_rows(DistillOptions& options, const Model& teacher) {
  const TrainSettings& train = options.train;
  const int64_t needed = train.steps() * train.rows_per_step();
  // A block is whole steps, and large enough that its tokens are drawn many rows at a time.
  const int64_t steps = std::max<int64_t>(1, 65536 / train.batch_tokens);
  // States of a row are those of one length.
  const double kept = options.lengths.empty() ? options.cache_gib * double{1 << 30} : -1;
  const TeacherRows::Limits limits{.block_rows = steps * train.rows_per_step(),
                                   .cache_bytes = static_cast<int64_t>(kept),
                                   .apart = options.documents_apart};
  const auto seed = static_cast<uint64_t>(train.seed);
  const uint64_t other_seed = held_out_seed(train.seed);
  int64_t held_out = options.held_out >= 0 ? options.held_out : default_held_out(needed);
  const auto held_limits = [&] {
    return TeacherRows::Limits{.block_rows = held_out,
                               .cache_bytes = static_cast<int64_t>(options.cache_gib * double{1 << 30}),
                               .apart = options.documents_apart,
                               .exact = true};
  };
  if (options.data.front() == "sample") {
    options.held_out = held_out;
    DistillationRows out{TeacherRows(teacher, train.length, seed, options.samples, needed, limits), std::nullopt};
    // They are asked for again and again.
    if (held_out > 0) out.held_out.emplace(teacher, train.length, other_seed, held_out, held_out + 1, held_limits());
    return out;
  }
  const Tokenizer tokenizer = Tokenizer::load(options.teacher);
  const std::vector<fs::path> files(options.data.begin(), options.data.end());
  TokenBlock block = pack_documents(files, tokenizer,
                                    {.length = train.length,
                                     .eos = teacher.config().document_end(),
                                     .bos = options.bos,
                                     .limit = train.tokens + held_out * train.length});
  if (block.count() == 0) {
    fail_input(options.data.front(), ": expected at least one row of ", train.length, " tokens, found less text");
  }
  if (held_out > 0) held_out = held_out_of(options, held_out, block.count());
  options.held_out = held_out;
  std::optional<TeacherRows> aside;
  if (held_out > 0) {
    aside.emplace(teacher, take_rows(block, held_out, other_seed), other_seed, held_out + 1, held_limits());
  }
  log_line(
      cat(block.ids.size(), " tokens of text, ", fixed(double(train.tokens) / double(block.ids.size()), 1), " passes"));
  return {TeacherRows(teacher, std::move(block), seed, needed, limits), std::move(aside)};
}

double mean_over_rows(const DistillOptions& options,
                      const std::function<at::Tensor(int64_t first, int64_t rows)>& loss) {
  const c10::NoGradGuard no_grad;
  const int64_t rows = options.held_out, pass = options.train.rows_per_pass();
  double sum = 0;
  for (int64_t first = 0; first < rows; first += pass) {
    const int64_t count = std::min(pass, rows - first);
    sum += loss(first, count).item<double>() * static_cast<double>(count);
  }
  return sum / static_cast<double>(rows);
}

}  // namespace zebra
