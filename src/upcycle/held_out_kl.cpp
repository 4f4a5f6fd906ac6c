#include "upcycle/held_out_kl.h"

#include <algorithm>

namespace zebra {

namespace {

constexpr int64_t kVocabularySlice = 8192;
constexpr int64_t kTokenSlice = 2048;

// Sums of exp(logit - top) under a running maximum.
struct RunningSum {
  at::Tensor top, sum;  // [T]
  // Factor that brings what was summed before to the new maximum.
  at::Tensor raise(const at::Tensor& logits) {
    const auto next = at::maximum(top, logits.amax(1));
    const auto factor = (top - next).exp();
    top = next;
    return factor;
  }
};

double kl_sum(const at::Tensor& teacher_hidden, const at::Tensor& student_hidden, const at::Tensor& head) {
  const int64_t tokens = teacher_hidden.size(0), vocabulary = head.size(0);
  const auto options = teacher_hidden.options();
  RunningSum teacher{at::full({tokens}, -1e30, options), at::zeros({tokens}, options)}, student = teacher;
  auto weighted = at::zeros({tokens}, options);  // sum of exp(t - top) (t - s)
  for (int64_t start = 0; start < vocabulary; start += kVocabularySlice) {
    const auto slice = head.narrow(0, start, std::min(kVocabularySlice, vocabulary - start)).to(options);
    const auto t = at::mm(teacher_hidden, slice.t()), s = at::mm(student_hidden, slice.t());
    const auto factor = teacher.raise(t);
    const auto p = (t - teacher.top.unsqueeze(1)).exp();
    teacher.sum = teacher.sum * factor + p.sum(1);
    weighted = weighted * factor + (p * (t - s)).sum(1);
    student.sum = student.sum * student.raise(s);
    student.sum += (s - student.top.unsqueeze(1)).exp().sum(1);
  }
  const auto kl = weighted / teacher.sum - (teacher.top + teacher.sum.log()) + (student.top + student.sum.log());
  return kl.sum(at::kDouble).item<double>();
}

}  // namespace

double streamed_kl(const at::Tensor& teacher_hidden, const at::Tensor& student_hidden, const at::Tensor& head) {
  const int64_t tokens = teacher_hidden.size(0);
  double sum = 0;
  for (int64_t start = 0; start < tokens; start += kTokenSlice) {
    const int64_t count = std::min(kTokenSlice, tokens - start);
    sum += kl_sum(teacher_hidden.narrow(0, start, count), student_hidden.narrow(0, start, count), head);
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace zebra
