#pragma once
// Losses over the vocabulary that never hold [tokens, vocabulary]. The plain-ATen twin in ops::reference is what the
// tests hold the fast path to; it also serves other devices and dtypes. Shapes: B batch, L length, D width, H heads, K
// kv heads, P head dim of x, N state size.
#include <ATen/ATen.h>

namespace zebra::ops {

// Mean over tokens with mask != 0 of KL(teacher || student), in nats. Hidden states [T, Ds], [T, Dt], head weights
// [V, Ds], [V, Dt]; mask [T] or undefined. Works in chunks of tokens: no [T, V] tensor ever exists.
at::Tensor distillation_kl(const at::Tensor& student_hidden, const at::Tensor& student_head,
                           const at::Tensor& teacher_hidden, const at::Tensor& teacher_head,
                           const at::Tensor& mask = {});
// Mean cross entropy of int64 targets [T]; negative targets are skipped. Same chunking.
at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets);

namespace reference {
at::Tensor distillation_kl(const at::Tensor& student_hidden, const at::Tensor& student_head,
                           const at::Tensor& teacher_hidden, const at::Tensor& teacher_head, const at::Tensor& mask);
at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets);
}  // namespace reference

}  // namespace zebra::ops
