#pragma once
// KL(teacher || student) of two final hidden states under one head, in blocks of the vocabulary.
#include <ATen/ATen.h>

namespace zebra {

// Mean over tokens, in nats. hidden [T, D] (after the final norm), head [V, D] of any dtype: it is read in slices, so
// that a large head never exists in float32.
double streamed_kl(const at::Tensor& teacher_hidden, const at::Tensor& student_hidden, const at::Tensor& head);

}  // namespace zebra
