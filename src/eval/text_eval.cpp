#include "eval/text_eval.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "model/finite.h"

namespace zebra {

namespace {

constexpr int64_t kLogitElements = int64_t{1} << 22;  // of one chunk's logits: tokens x vocabulary

struct Sums {
  double loss = 0, teacher_loss = 0, kl = 0, agreed = 0;
};

using Documents = std::vector<std::vector<int64_t>>;

// Which documents count: in file order those long enough, at most `limit`; then by length, so that a batch holds
// little padding.
std::vector<size_t> choose(const Documents& documents, const TextEvalOptions& options) {
  std::vector<size_t> chosen;
  for (size_t index = 0; index < documents.size(); ++index) {
    if (options.limit > 0 && static_cast<int64_t>(chosen.size()) == options.limit) break;
    const auto length = static_cast<int64_t>(documents[index].size());
    if (length >= std::max<int64_t>(options.min_length, 2)) chosen.push_back(index);
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [&](size_t a, size_t b) { return documents[a].size() < documents[b].size(); });
  return chosen;
}

// Log-probabilities [n, V] in fp32 of hidden states [n, D].
at::Tensor log_probabilities(const Model& model, const at::Tensor& hidden) {
  return at::log_softmax(model.logits(hidden), -1, at::kFloat);
}

double sum_of(const at::Tensor& values) {
  return values.sum(at::kDouble).item<double>();
}

// Adds one batch: hidden states of the predicting tokens [n, D] and the tokens that follow them [n].
void add(const Model& model, const at::Tensor& hidden, const Model* teacher, const at::Tensor& teacher_hidden,
         const at::Tensor& targets, Sums& sums) {
  const int64_t chunk = std::max<int64_t>(1, kLogitElements / model.config().vocab);
  for (int64_t start = 0; start < hidden.size(0); start += chunk) {
    const int64_t n = std::min(chunk, hidden.size(0) - start);
    const at::Tensor target = targets.narrow(0, start, n).unsqueeze(1);
    const at::Tensor student = log_probabilities(model, hidden.narrow(0, start, n));
    sums.loss -= sum_of(student.gather(1, target));
    if (!std::isfinite(sums.loss)) fail_not_finite(model, "logits");
    if (teacher == nullptr) continue;
    const at::Tensor truth = log_probabilities(*teacher, teacher_hidden.narrow(0, start, n));
    sums.teacher_loss -= sum_of(truth.gather(1, target));
    if (!std::isfinite(sums.teacher_loss)) fail_not_finite(*teacher, "the teacher's logits");
    sums.kl += sum_of(at::where(truth.isinf(), 0, truth.exp() * (truth - student)).sum(-1));
    sums.agreed += sum_of(student.argmax(-1).eq(truth.argmax(-1)));
  }
}

int64_t context(const Model& model, const Model* teacher) {
  return teacher == nullptr ? model.config().max_position
                            : std::min(model.config().max_position, teacher->config().max_position);
}

void check_vocabulary(const Model& model, const Model* teacher) {
  if (teacher != nullptr && teacher->config().vocab != model.config().vocab) {
    fail_input("the teacher's vocabulary has ", teacher->config().vocab, " tokens and the model's ",
               model.config().vocab, ": give the teacher that the model was made from");
  }
}

}  // namespace

TextEvalResult evaluate_text(const Model& model, const Model* teacher, const Documents& documents,
                             const TextEvalOptions& options) {
  check_vocabulary(model, teacher);
  const c10::InferenceMode inference;
  const auto start = std::chrono::steady_clock::now();
  const auto device = model.head().weight.device();
  const int64_t longest = options.max_length > 0 ? options.max_length : context(model, teacher);
  if (longest < 2) fail_usage("documents are cut at ", longest, " tokens: a prediction needs 2 or more");
  const std::vector<size_t> chosen = choose(documents, options);
  if (chosen.empty()) {
    fail_input("no document has ", std::max<int64_t>(options.min_length, 2), " tokens or more: lower --min-length");
  }
  const auto length_of = [&](size_t place) {
    return std::min(longest, static_cast<int64_t>(documents[chosen[place]].size()));
  };

  TextEvalResult result;
  Sums sums;
  for (size_t begin = 0; begin < chosen.size();) {
    // Sorted by length: the batch is as wide as its last row.
    size_t end = begin + 1;
    while (end < chosen.size() && static_cast<int64_t>(end + 1 - begin) * length_of(end) <= options.batch_tokens) ++end;
    const auto rows = static_cast<int64_t>(end - begin);
    const int64_t width = length_of(end - 1);
    at::Tensor ids = at::zeros({rows, width}, at::kLong);
    std::vector<int64_t> predicting;  // flat indices of the tokens that have a successor
    for (int64_t row = 0; row < rows; ++row) {
      const std::vector<int64_t>& document = documents[chosen[begin + static_cast<size_t>(row)]];
      const int64_t length = length_of(begin + static_cast<size_t>(row));
      std::copy_n(document.begin(), length, ids.mutable_data_ptr<int64_t>() + row * width);
      for (int64_t t = 0; t + 1 < length; ++t) predicting.push_back(row * width + t);
    }
    const at::Tensor places = at::tensor(predicting, at::kLong).to(device);
    ids = ids.to(device);
    // Without a state, padding at the right of a causal model changes nothing before it.
    const auto states = [&](const Model& of) { return of.hidden(ids).flatten(0, 1).index_select(0, places); };
    const at::Tensor targets = ids.flatten().index_select(0, places + 1);
    add(model, states(model), teacher, teacher != nullptr ? states(*teacher) : at::Tensor(), targets, sums);
    result.tokens += static_cast<int64_t>(predicting.size());
    begin = end;
  }

  const auto tokens = static_cast<double>(result.tokens);
  result.documents = static_cast<int64_t>(chosen.size());
  result.loss = sums.loss / tokens;
  result.ppl = std::exp(result.loss);
  if (teacher != nullptr) {
    result.kl = sums.kl / tokens;
    result.agreement = sums.agreed / tokens;
    result.teacher_ppl = std::exp(sums.teacher_loss / tokens);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.tokens_per_second = tokens / seconds.count();
  return result;
}

}  // namespace zebra
