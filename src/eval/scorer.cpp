#include "eval/scorer.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "data/python_text.h"
#include "infer/generate.h"
#include "model/finite.h"
#include "model/static_batch.h"

namespace zebra {

namespace {

using Ids = std::vector<int64_t>;

constexpr int64_t kLogitElements = int64_t{1} << 22;  // of one chunk's logits: tokens x vocabulary

// What the model reads for a pair, and how many of its last outputs are scored.
Ids input_of(const TaskTokens::Pair& pair, int64_t max_length) {
  Ids all = pair.context;
  all.insert(all.end(), pair.continuation.begin(), pair.continuation.end());
  const auto most = static_cast<size_t>(max_length + 1);
  if (all.size() > most) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
  all.pop_back();
  return all;
}

bool begins_with(const Ids& whole, const Ids& start) {
  return whole.size() >= start.size() && std::equal(start.begin(), start.end(), whole.begin());
}

// One token that is scored: where its prediction stands among a batch's outputs, and whose it is.
struct Target {
  int64_t place, id;
  size_t pair;
};

void add_scores(const Model& model, const at::Tensor& hidden, const std::vector<Target>& targets,
                const ScoreOptions& options, std::vector<Score>& scores) {
  const auto device = hidden.device();
  const int64_t chunk = std::max<int64_t>(1, kLogitElements / model.config().vocab);
  const auto count = static_cast<int64_t>(targets.size());
  for (int64_t start = 0; start < count; start += chunk) {
    const int64_t n = std::min(chunk, count - start);
    at::Tensor places = at::empty({n}, at::kLong), ids = at::empty({n, 1}, at::kLong);
    for (int64_t i = 0; i < n; ++i) {
      places.mutable_data_ptr<int64_t>()[i] = targets[static_cast<size_t>(start + i)].place;
      ids.mutable_data_ptr<int64_t>()[i] = targets[static_cast<size_t>(start + i)].id;
    }
    ids = ids.to(device);
    const at::Tensor logits = model.logits(hidden.index_select(0, places.to(device)));
    const at::Tensor all = options.model_softmax ? at::log_softmax(logits.to(model.head().weight.dtype()), -1)
                                                 : at::log_softmax(logits, -1, at::kFloat);
    const at::Tensor values = all.gather(1, ids).squeeze(1).to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor hits = all.argmax(-1).eq(ids.squeeze(1)).to(at::kCPU).contiguous();
    for (int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(values.const_data_ptr<double>()[i])) fail_not_finite(model, "logits");
      Score& score = scores[targets[static_cast<size_t>(start + i)].pair];
      score.log_likelihood += values.const_data_ptr<double>()[i];
      score.greedy = score.greedy && hits.const_data_ptr<bool>()[i];
    }
  }
}

}  // namespace

TaskTokens::TaskTokens(const Tokenizer& tokenizer, int64_t vocab)
    : tokenizer_(tokenizer), vocab_(vocab), prefix_(tokenizer.bos() >= 0 ? tokenizer.bos() : tokenizer.eos()) {
  if (prefix_ < 0) {
    fail_input(
        "tokenizer_config.json: expected a bos_token or eos_token, found neither: tasks need one of them before "
        "a text's first token");
  }
  checked({prefix_});
  prefix_text_ = tokenizer.decode({prefix_});
}

Ids TaskTokens::checked(Ids ids) const {
  for (const int64_t id : ids) {
    if (id < 0 || id >= vocab_) {
      fail_input("tokenizer.json: expected ids below the model's vocabulary of ", vocab_, ", found ", id);
    }
  }
  return ids;
}

Ids TaskTokens::encode(const std::string& text) const {
  return checked(tokenizer_.encode(text, !text.starts_with(prefix_text_)));
}

TaskTokens::Pair TaskTokens::encode_pair(std::string context, std::string continuation,
                                         const std::string& where) const {
  Pair pair;
  if (context.empty()) {
    pair.continuation = checked(tokenizer_.encode(continuation, false));
    pair.context = {prefix_};
    if (!pair.continuation.empty() && pair.continuation.front() == prefix_)
      pair.continuation.erase(pair.continuation.begin());
  } else {
    const size_t kept = python::strip_right(context).size();
    continuation = context.substr(kept) + continuation;
    context.resize(kept);
    pair.context = encode(context);
    const Ids whole = encode(context + continuation);
    const auto cut = static_cast<std::ptrdiff_t>(std::min(whole.size(), pair.context.size()));
    pair.continuation.assign(whole.begin() + cut, whole.end());
    if (pair.context.empty()) fail_input(where, ": expected a prompt with tokens before the answer, found none");
  }
  if (pair.continuation.empty()) fail_input(where, ": expected an answer with tokens of its own, found none");
  return pair;
}

namespace {

// Pairs that share a pass, the one with the longest input first.
using Row = std::vector<size_t>;

// Rows of rising lengths padded to one: whether another is better left to the next call, once this one is large enough
// to keep the processor busy.
class Padding {
 public:
  void add(int64_t length) {
    ++rows_;
    tokens_ += length;
  }
  bool wasteful_with(int64_t length) const {
    constexpr int64_t kBusy = 1024;  // tokens
    return tokens_ >= kBusy && 5 * (tokens_ + length) < 4 * (rows_ + 1) * length;
  }

 private:
  int64_t rows_ = 0, tokens_ = 0;
};

// Rows that begin alike: their common beginning, `shared` tokens that nothing is predicted from, is computed once.
struct Group {
  int64_t shared = 0;
  std::vector<Row> rows;
};

class Scorer {
 public:
  Scorer(const Model& model, const std::vector<TaskTokens::Pair>& pairs, const ScoreOptions& options)
      : model_(model), pairs_(pairs), options_(options), scores_(pairs.size(), Score{0, true}) {
    for (const auto& pair : pairs) inputs_.push_back(input_of(pair, options.max_length));
  }

  std::vector<Score> run() {
    const c10::InferenceMode inference;
    std::vector<Group> groups = grouped(rows());
    // Batches hold groups of about one length: those that share nothing first, then by the beginning's length.
    std::stable_sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
      return a.shared != b.shared ? a.shared < b.shared : longest(a) < longest(b);
    });
    for (size_t begin = 0; begin < groups.size();) {
      size_t end = begin;
      int64_t width = 0, rows = 0;
      Padding beginnings;
      while (end < groups.size() && (groups[end].shared > 0) == (groups[begin].shared > 0)) {
        const int64_t wide = std::max(width, longest(groups[end]));
        const int64_t many = rows + static_cast<int64_t>(groups[end].rows.size());
        const int64_t own = groups[end].shared > 0 ? groups[end].shared : longest(groups[end]);
        if (end > begin && (wide * many > options_.batch_tokens || beginnings.wasteful_with(own))) break;
        beginnings.add(own);
        width = wide;
        rows = many;
        ++end;
      }
      batch({groups.begin() + static_cast<std::ptrdiff_t>(begin), groups.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
      if (options_.progress) options_.progress(begin, groups.size());
    }
    return std::move(scores_);
  }

 private:
  const Ids& input(const Row& row) const { return inputs_[row.front()]; }
  int64_t length(const Row& row) const { return static_cast<int64_t>(input(row).size()); }
  int64_t longest(const Group& group) const {
    int64_t most = 0;
    for (const Row& row : group.rows) most = std::max(most, length(row));
    return most;
  }
  // Where the first token that is predicted of a row has its prediction.
  int64_t first_target(const Row& row) const {
    int64_t first = INT64_MAX;
    for (const size_t pair : row)
      first = std::min(first, static_cast<int64_t>(inputs_[pair].size() - pairs_[pair].continuation.size()));
    return first;
  }

  // In lexicographic order an input stands right before those that begin with it, and the last of them computes it.
  std::vector<Row> rows() const {
    std::vector<size_t> order(pairs_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return inputs_[a] < inputs_[b]; });
    std::vector<Row> rows;
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
      if (!rows.empty() && begins_with(input(rows.back()), inputs_[*at]))
        rows.back().push_back(*at);
      else
        rows.push_back({*at});
    }
    return rows;
  }

  // Neighbours whose common beginning is worth the copy of its memory.
  std::vector<Group> grouped(std::vector<Row> rows) const {
    constexpr int64_t kWorth = 16;  // tokens
    std::vector<Group> groups;
    for (Row& row : rows) {
      const int64_t until = std::min(first_target(row), length(row) - 1);
      if (options_.share && !groups.empty()) {
        Group& last = groups.back();
        const Ids &a = input(last.rows.front()), &b = input(row);
        const auto common =
            static_cast<int64_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
        const int64_t before = last.rows.size() == 1
                                   ? std::min(first_target(last.rows.front()), length(last.rows.front()) - 1)
                                   : last.shared;
        const int64_t shared = std::min({common, until, before});
        // A group keeps most of what it shares: few-shot prompts of other questions begin alike, too.
        if (shared >= kWorth && 2 * shared >= longest(last) && 2 * shared >= length(row) &&
            (last.rows.size() == 1 || 4 * shared >= 3 * last.shared)) {
          last.shared = shared;
          last.rows.push_back(std::move(row));
          continue;
        }
      }
      groups.push_back({0, {std::move(row)}});
    }
    return groups;
  }

  void batch(const std::vector<Group>& groups) {
    if (groups.front().shared == 0) {
      std::vector<Row> rows;
      for (const Group& group : groups) rows.insert(rows.end(), group.rows.begin(), group.rows.end());
      pass(rows, std::vector<int64_t>(rows.size(), 0), nullptr);
      return;
    }
    int64_t shared = 0, capacity = 0;
    for (const Group& group : groups) {
      shared = std::max(shared, group.shared);
      capacity = std::max(capacity, longest(group));
    }
    Ids ids;
    struct Rest {
      Row row;
      int64_t origin, start;
    };
    std::vector<Rest> rests;
    std::vector<int64_t> lengths;
    for (size_t g = 0; g < groups.size(); ++g) {
      const Ids& first = input(groups[g].rows.front());
      ids.insert(ids.end(), first.begin(), first.begin() + groups[g].shared);
      lengths.push_back(groups[g].shared);
      for (const Row& row : groups[g].rows) rests.push_back({row, static_cast<int64_t>(g), groups[g].shared});
    }
    const auto left = [&](const Rest& rest) { return length(rest.row) - rest.start; };
    std::stable_sort(rests.begin(), rests.end(), [&](const Rest& a, const Rest& b) { return left(a) < left(b); });
    // Room for the widest call after it, whose padding may lie past the longest row's end.
    capacity = std::max(capacity, shared + left(rests.back()));
    StaticBatch beginnings(model_, static_cast<int64_t>(groups.size()), capacity);
    beginnings.extend(at::tensor(ids, at::kLong).to(device()), lengths);
    for (size_t begin = 0; begin < rests.size();) {
      std::vector<Row> rows;
      std::vector<int64_t> origins, starts;
      Padding padding;
      while (begin < rests.size() && (rows.empty() || !padding.wasteful_with(left(rests[begin])))) {
        padding.add(left(rests[begin]));
        rows.push_back(rests[begin].row);
        origins.push_back(rests[begin].origin);
        starts.push_back(rests[begin++].start);
      }
      StaticBatch forked = beginnings.select(origins);
      pass(rows, starts, &forked);
    }
  }

  // One call: each row from its start on, with what is before that in `beginnings`; without, padded to one length:
  // at the right of a causal model that changes nothing before it.
  void pass(const std::vector<Row>& rows, const std::vector<int64_t>& starts, StaticBatch* beginnings) {
    std::vector<int64_t> lengths;
    int64_t width = 0;
    for (size_t r = 0; r < rows.size(); ++r) {
      lengths.push_back(length(rows[r]) - starts[r]);
      width = std::max(width, lengths.back());
    }
    Ids ids;
    std::vector<Target> targets;
    for (size_t r = 0; r < rows.size(); ++r) {
      const int64_t offset = std::ssize(ids);
      ids.insert(ids.end(), input(rows[r]).begin() + starts[r], input(rows[r]).end());
      if (beginnings == nullptr) ids.resize(static_cast<size_t>(offset + width), 0);
      for (const size_t pair : rows[r]) {
        const Ids& continuation = pairs_[pair].continuation;
        const auto first = offset - starts[r] + static_cast<int64_t>(inputs_[pair].size() - continuation.size());
        for (size_t i = 0; i < continuation.size(); ++i)
          targets.push_back({first + static_cast<int64_t>(i), continuation[i], pair});
      }
    }
    const at::Tensor all = at::tensor(ids, at::kLong).to(device());
    const at::Tensor hidden = beginnings != nullptr ? beginnings->extend(all, lengths)
                                                    : model_.hidden(all.view({std::ssize(rows), width})).flatten(0, 1);
    add_scores(model_, hidden, targets, options_, scores_);
  }

  c10::Device device() const { return model_.head().weight.device(); }

  const Model& model_;
  const std::vector<TaskTokens::Pair>& pairs_;
  const ScoreOptions& options_;
  std::vector<Ids> inputs_;
  std::vector<Score> scores_;
};

}  // namespace

std::vector<Score> score(const Model& model, const std::vector<TaskTokens::Pair>& pairs, const ScoreOptions& options) {
  return Scorer(model, pairs, options).run();
}

std::vector<TaskTokens::Pair> rolling_windows(const Ids& ids, int64_t prefix, int64_t max_length) {
  std::vector<TaskTokens::Pair> windows;
  const auto count = static_cast<int64_t>(ids.size());
  const auto slice = [&](int64_t begin, int64_t end) { return Ids(ids.begin() + begin, ids.begin() + end); };
  for (int64_t begin = 0; begin < count; begin += max_length) {
    const int64_t end = std::min(count, begin + max_length);
    if (begin == 0) {
      windows.push_back({{prefix}, slice(0, end)});
    } else {  // a short last window sees what fits before it
      windows.push_back({slice(end - max_length - 1, begin), slice(begin, end)});
    }
  }
  return windows;
}

std::vector<std::string> answers(const Model& model, const TaskTokens& tokens, const std::vector<Prompt>& prompts,
                                 const AnswerOptions& options) {
  const Tokenizer& tokenizer = tokens.tokenizer();
  const int64_t room = options.max_length - options.max_tokens;
  std::vector<Ids> given;
  for (const Prompt& prompt : prompts) {
    if (room <= 0) {
      fail_input(prompt.where, ": answers of up to ", options.max_tokens, " tokens do not fit a context of ",
                 options.max_length, ": give a smaller --max-gen-toks");
    }
    Ids ids = tokens.encode(prompt.text);
    if (std::ssize(ids) > room) ids.erase(ids.begin(), ids.end() - room);
    if (ids.empty()) fail_input(prompt.where, ": expected a prompt with tokens, found none");
    given.push_back(std::move(ids));
  }
  std::vector<std::string> stops = options.until;
  if (tokenizer.eos() >= 0) stops.push_back(tokenizer.decode({tokenizer.eos()}));
  std::vector<Ids> made(prompts.size());
  const auto goes_on = [&](size_t prompt, int64_t id) {
    Ids& ids = made[prompt];
    ids.push_back(id);
    return std::none_of(stops.begin(), stops.end(), [&](const std::string& stop) {
      // The stop may begin inside a token; a text of n bytes lies within the last n + 2 tokens.
      const size_t back = std::min(ids.size(), stop.size() + 2);
      const std::string tail = tokenizer.decode(Ids(ids.end() - static_cast<std::ptrdiff_t>(back), ids.end()));
      return tail.find(stop) != std::string::npos;
    });
  };
  generate_greedy(model, given, options.max_tokens, goes_on, [&](size_t done) {
    if (options.progress) options.progress(done, prompts.size());
  });
  std::vector<std::string> texts;
  for (const Ids& ids : made) {
    std::string text = tokenizer.decode(ids, true);
    for (const std::string& stop : stops) {
      if (!stop.empty()) text.resize(std::min(text.size(), text.find(stop)));
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace zebra
