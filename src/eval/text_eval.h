#pragma once
// Perplexity on text, and distance to a teacher: KL(teacher || student) in nats per token, top-1 agreement.
#include <cstdint>
#include <optional>
#include <vector>

#include "model/model.h"

namespace zebra {

struct TextEvalOptions {
  int64_t min_length = 2;  // documents with fewer tokens (BOS included) are skipped
  int64_t max_length = 0;  // longer ones are cut; 0 = the context length
  int64_t limit = 0;       // documents; 0 = all
  int64_t batch_tokens = 16384;
};

struct TextEvalResult {
  int64_t documents = 0, tokens = 0;  // predicted tokens
  double loss = 0, ppl = 0;
  std::optional<double> kl, agreement, teacher_ppl;
  double tokens_per_second = 0;
};

// Documents as token ids; `teacher` may be null.
TextEvalResult evaluate_text(const Model& model, const Model* teacher,
                             const std::vector<std::vector<int64_t>>& documents, const TextEvalOptions& options);

}  // namespace zebra
