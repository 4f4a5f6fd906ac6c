// Rows of logits: KL divergence from a teacher, cross entropy, each with its gradient.
#pragma once
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vec.h"
#include "kernels/params.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
T row_max(const T* row, int64_t n) {
  Vec<T> best = all(row[0]);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) best = max_lanes<T>(best, load(row + i));
  T result = best[0];
  for (int lane = 1; lane < kLanes<T>; ++lane) result = best[lane] > result ? best[lane] : result;
  for (; i < n; ++i) result = row[i] > result ? row[i] : result;
  return result;
}

// Calls body(i, exact lanes, get, put): where a vector is partial the lanes past the end are masked by `real`.
template <class T>
ZEBRA_INLINE Vec<T> real_lanes(int64_t i, int64_t n) {
  Vec<T> mask{};
  for (int lane = 0; lane < kLanes<T>; ++lane) mask[lane] = i + lane < n ? T(1) : T(0);
  return mask;
}

template <class T>
void kl_rows(const KlRows<T>& p, int64_t begin, int64_t end) {
  const int64_t n = p.vocabulary, whole = n / kLanes<T> * kLanes<T>;
  for (int64_t row = begin; row < end; ++row) {
    T *teacher = p.teacher + row * n, *student = p.student + row * n;
    const T teacher_max = row_max(teacher, n), student_max = row_max(student, n);
    Vec<T> teacher_sum{}, student_sum{}, cross{};
    const Vec<T> tail = real_lanes<T>(whole, n);
    for_row<T>(n, [&](int64_t i, auto get, auto put) {
      const Vec<T> t = get(teacher + i) - teacher_max, s = get(student + i) - student_max;
      Vec<T> et = exp_lanes(t), es = exp_lanes(s);
      if (i == whole) et *= tail, es *= tail;
      teacher_sum += et;
      student_sum += es;
      cross += et * (t - s);
      put(teacher + i, et);
      put(student + i, es);
    });
    const T zt = sum_lanes<T>(teacher_sum), zs = sum_lanes<T>(student_sum);
    p.loss[row] = double(sum_lanes<T>(cross)) / double(zt) - std::log(double(zt)) + std::log(double(zs));
    const T student_share = T(p.share) / zs, teacher_share = T(p.share) / zt;
    for_row<T>(n, [&](int64_t i, auto get, auto put) {
      put(student + i, get(student + i) * student_share - get(teacher + i) * teacher_share);
    });
  }
}

template <class T>
void cross_entropy_rows(const CrossEntropyRows<T>& p, int64_t begin, int64_t end) {
  const int64_t n = p.vocabulary, whole = n / kLanes<T> * kLanes<T>;
  for (int64_t row = begin; row < end; ++row) {
    T* logits = p.logits + row * n;
    const T top = row_max(logits, n), wanted = logits[p.targets[row]] - top;
    Vec<T> sum{};
    const Vec<T> tail = real_lanes<T>(whole, n);
    for_row<T>(n, [&](int64_t i, auto get, auto put) {
      Vec<T> e = exp_lanes(get(logits + i) - top);
      if (i == whole) e *= tail;
      sum += e;
      put(logits + i, e);
    });
    const T z = sum_lanes<T>(sum);
    p.loss[row] = std::log(double(z)) - double(wanted);
    const T share = T(p.share) / z;
    for_row<T>(n, [&](int64_t i, auto get, auto put) { put(logits + i, get(logits + i) * share); });
    logits[p.targets[row]] -= T(p.share);
  }
}

// Logits, loss and gradients of a block of tokens while the logits are in the cache.
template <class T>
void head_loss(const HeadLoss<T>& p, int64_t begin, int64_t end) {
  const int64_t n = p.vocabulary;
  T* logits = thread_scratch<T>(2 * kBlockRows * n);
  T* teacher = logits + kBlockRows * n;
  for (int64_t slot = begin; slot < end; ++slot) {
    T* d_head = p.d_head == nullptr ? nullptr : p.d_head + slot * n * p.width;
    for (int64_t i = 0; d_head != nullptr && i < n * p.width; ++i) d_head[i] = 0;
    const int64_t last = min(p.tokens, (slot + 1) * p.slot_rows);
    for (int64_t row = slot * p.slot_rows; row < last; row += kBlockRows) {
      const int64_t rows = min(kBlockRows, last - row);
      const T* hidden = p.hidden + row * p.hidden_stride;
      gemm_rows(hidden, p.hidden_stride, rows, p.width, p.head_packed, n, logits, n, false);
      if (p.teacher_hidden != nullptr) {
        gemm_rows(p.teacher_hidden + row * p.teacher_stride, p.teacher_stride, rows, p.teacher_width,
                  p.teacher_head_packed, n, teacher, n, false);
        kl_rows<T>({n, teacher, logits, p.share, p.loss + row}, 0, rows);
      } else {
        cross_entropy_rows<T>({n, p.targets + row, logits, p.share, p.loss + row}, 0, rows);
      }
      if (p.d_hidden != nullptr) {
        gemm_rows(logits, n, rows, n, p.head_packed_back, p.width, p.d_hidden + row * p.width, p.width, false);
      }
      if (d_head != nullptr) gemm_outer(logits, n, n, hidden, p.hidden_stride, p.width, rows, d_head);
    }
  }
}

}  // namespace zebra::kernels::ZEBRA_ISA
