#include "train/run_checks.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/error.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

void check_same_vocabulary(const fs::path& student, const ModelConfig& student_config, const fs::path& teacher,
                           const ModelConfig& teacher_config) {
  if (teacher_config.vocab != student_config.vocab) {
    fail_input(student.string(), ": vocab_size: expected the teacher's ", teacher_config.vocab, ", found ",
               student_config.vocab, "; distillation needs one vocabulary");
  }
  const fs::path ours = student / "tokenizer.json", theirs = teacher / "tokenizer.json";
  if (!fs::exists(ours) || !fs::exists(theirs) || read_file(ours) == read_file(theirs)) return;
  const Tokenizer a = Tokenizer::load(student), b = Tokenizer::load(teacher);
  for (int64_t id = 0; id < std::min(a.vocab_size(), b.vocab_size()); ++id) {
    if (a.token(id) != b.token(id)) {
      fail_input(ours.string(), ": token ", id, ": expected the teacher's \"", b.token(id), "\", found \"", a.token(id),
                 "\"; distillation needs one vocabulary");
    }
  }
}

int64_t checksum(Model& model) {
  c10::NoGradGuard no_grad;
  int64_t sum = 0;
  model.parameters([&](const std::string&, at::Tensor& value) {
    sum += value.view(value.element_size() == 2 ? at::kShort : at::kInt).sum(at::kLong).item<int64_t>();
  });
  return sum;
}

}  // namespace zebra
