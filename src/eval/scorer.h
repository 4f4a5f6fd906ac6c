#pragma once
// Log-likelihoods of continuations, and greedy answers: what tasks ask of a model.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

// Text to tokens as the harness does it.
class TaskTokens {
 public:
  // Error(input) if the tokenizer has neither BOS nor EOS: the first token of a text needs something before it.
  TaskTokens(const Tokenizer& tokenizer, int64_t vocab);

  // With what the tokenizer adds, unless the text begins with BOS already.
  std::vector<int64_t> encode(const std::string& text) const;
  struct Pair {
    std::vector<int64_t> context, continuation;  // neither is empty
  };
  // Context and continuation are encoded together and cut after as many tokens as the context has by itself; spaces at
  // the end of the context belong to the continuation. `where` begins errors.
  Pair encode_pair(std::string context, std::string continuation, const std::string& where) const;
  int64_t prefix() const { return prefix_; }  // BOS, else EOS: what comes before a text that has nothing before it
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  std::vector<int64_t> checked(std::vector<int64_t> ids) const;

  const Tokenizer& tokenizer_;
  int64_t vocab_, prefix_;
  std::string prefix_text_;
};

struct Score {
  double log_likelihood = 0;  // natural log, summed over the continuation
  bool greedy = false;        // every token of the continuation is the likeliest
};

struct ScoreOptions {
  int64_t max_length = 0;  // tokens that the model sees at once; longer contexts lose their beginning
  int64_t batch_tokens = 16384;
  bool share = true;           // common beginnings are computed once; false: each input by itself, the plain way
  bool model_softmax = false;  // softmax in the model's own dtype, as the harness does unless told otherwise
  std::function<void(size_t done, size_t all)> progress;
};

// One Score for each pair, whatever their order: what inputs have in common is computed once.
std::vector<Score> score(const Model& model, const std::vector<TaskTokens::Pair>& pairs, const ScoreOptions& options);

// The windows of a text that is scored as a whole: disjoint, each seeing as many tokens as fit before it.
std::vector<TaskTokens::Pair> rolling_windows(const std::vector<int64_t>& ids, int64_t prefix, int64_t max_length);

struct Prompt {
  std::string text, where;  // where: begins errors
};
struct AnswerOptions {
  std::vector<std::string> until;
  int64_t max_tokens = 0, max_length = 0;
  std::function<void(size_t done, size_t all)> progress;
};
// Greedy text after each prompt, up to the first of `until`, EOS or `max_tokens`.
std::vector<std::string> answers(const Model& model, const TaskTokens& tokens, const std::vector<Prompt>& prompts,
                                 const AnswerOptions& options);

}  // namespace zebra
