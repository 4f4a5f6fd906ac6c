#pragma once
// Rows of a table by token. V tokens, D width.
#include <ATen/ATen.h>

namespace zebra::ops {

// weight [V, D], ids int64 of any shape -> [.., D]. A token's gradient is the sum over all its places, added up in fp32
// (fp64 in fp64) and rounded once to the weight's dtype.
at::Tensor embedding(const at::Tensor& weight, const at::Tensor& ids);

namespace reference {
at::Tensor embedding(const at::Tensor& weight, const at::Tensor& ids);  // of a copy of the table in fp32
}  // namespace reference

}  // namespace zebra::ops
