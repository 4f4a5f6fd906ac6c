#include "eval/scorer.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "data/python_text.h"
#include "infer/generate.h"

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

std::vector<Score> score(const Model& model, const std::vector<TaskTokens::Pair>& pairs, const ScoreOptions& options) {
  const c10::InferenceMode inference;
  const auto device = model.head().weight.device();
  std::vector<Ids> inputs;
  for (const auto& pair : pairs) inputs.push_back(input_of(pair, options.max_length));

  // In lexicographic order an input stands right before those that begin with it, and the last of them computes it.
  std::vector<size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return inputs[a] < inputs[b]; });
  std::vector<std::vector<size_t>> rows;  // pairs that share a pass, the longest first
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    if (!rows.empty() && begins_with(inputs[rows.back().front()], inputs[*at]))
      rows.back().push_back(*at);
    else
      rows.push_back({*at});
  }
  const auto length_of = [&](size_t row) { return static_cast<int64_t>(inputs[rows[row].front()].size()); };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto& a, const auto& b) { return inputs[a.front()].size() < inputs[b.front()].size(); });

  std::vector<Score> scores(pairs.size(), Score{0, true});
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin + 1;
    while (end < rows.size() && static_cast<int64_t>(end + 1 - begin) * length_of(end) <= options.batch_tokens) ++end;
    const int64_t width = length_of(end - 1);
    at::Tensor ids = at::zeros({static_cast<int64_t>(end - begin), width}, at::kLong);
    std::vector<Target> targets;
    for (size_t row = begin; row < end; ++row) {
      const int64_t offset = static_cast<int64_t>(row - begin) * width;
      std::copy(inputs[rows[row].front()].begin(), inputs[rows[row].front()].end(),
                ids.mutable_data_ptr<int64_t>() + offset);
      for (const size_t pair : rows[row]) {
        const Ids& continuation = pairs[pair].continuation;
        const auto first = offset + static_cast<int64_t>(inputs[pair].size() - continuation.size());
        for (size_t i = 0; i < continuation.size(); ++i)
          targets.push_back({first + static_cast<int64_t>(i), continuation[i], pair});
      }
    }
    // Without a state, padding at the right of a causal model changes nothing before it.
    add_scores(model, model.hidden(ids.to(device)).flatten(0, 1), targets, options, scores);
    begin = end;
    if (options.progress) options.progress(begin, rows.size());
  }
  return scores;
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

std::string answer(const Model& model, const TaskTokens& tokens, const std::string& prompt,
                   const std::vector<std::string>& until, int64_t max_tokens, int64_t max_length,
                   const std::string& where) {
  const int64_t room = max_length - max_tokens;
  if (room <= 0) {
    fail_input(where, ": answers of up to ", max_tokens, " tokens do not fit a context of ", max_length,
               ": give a smaller --max-gen-toks");
  }
  Ids ids = tokens.encode(prompt);
  if (static_cast<int64_t>(ids.size()) > room) ids.erase(ids.begin(), ids.end() - room);
  if (ids.empty()) fail_input(where, ": expected a prompt with tokens, found none");
  const Tokenizer& tokenizer = tokens.tokenizer();
  std::vector<std::string> stops = until;
  if (tokenizer.eos() >= 0) stops.push_back(tokenizer.decode({tokenizer.eos()}));
  Ids made;
  generate(model, ids, max_tokens, {}, [&](int64_t id) {
    made.push_back(id);
    for (const std::string& stop : stops) {
      // The stop may begin inside a token; a text of n bytes lies within the last n + 2 tokens.
      const size_t back = std::min(made.size(), stop.size() + 2);
      const std::string tail = tokenizer.decode(Ids(made.end() - static_cast<std::ptrdiff_t>(back), made.end()));
      if (tail.find(stop) != std::string::npos) return false;
    }
    return true;
  });
  std::string text = tokenizer.decode(made, true);
  for (const std::string& stop : stops) {
    if (!stop.empty()) text.resize(std::min(text.size(), text.find(stop)));
  }
  return text;
}

}  // namespace zebra
