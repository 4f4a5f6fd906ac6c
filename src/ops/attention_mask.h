#pragma once
// Which keys a query sees, as ops/attention.h defines it.
#include <ATen/ATen.h>

namespace zebra::ops {

at::Tensor attention_mask(int64_t queries, int64_t keys, int64_t window, at::Device device);  // bool [L, S]

}  // namespace zebra::ops
