#include "ops/distillation_kl.h"
#include "ops/mean_divergence.h"

namespace zebra::ops {

at::Tensor forward_kl(const HeadPair& pair) {
  const HeadPair plain = tempered(pair);
  const at::Tensor mean =
      distillation_kl(plain.student_hidden, plain.student_head, plain.teacher_hidden, plain.teacher_head);
  return pair.temperature == 1 ? mean : mean * (pair.temperature * pair.temperature);
}

}  // namespace zebra::ops
