#include "ops/swiglu.h"

namespace zebra::ops {

at::Tensor reference::swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return at::silu(gate) * up;
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  return reference::swiglu(gate, up);
}

}  // namespace zebra::ops
