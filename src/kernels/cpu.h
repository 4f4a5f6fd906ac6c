#pragma once
// The CPU kernels, in the best instruction set that the processor has.
#include <vector>

#include "kernels/params.h"

namespace zebra::kernels {

template <class T>
struct CpuTable {
  const char* isa;
  int lanes;           // of a vector
  int attention_rows;  // query rows of an item of attention
  int64_t gemm_block_rows;
  int gemm_panel;  // columns that are packed together
  void (*rms_norm)(const RmsNorm<T>&, int64_t begin, int64_t end);
  void (*rms_norm_grad)(const RmsNormGrad<T>&, int64_t begin, int64_t end);
  void (*swiglu)(const Swiglu<T>&, int64_t begin, int64_t end);
  void (*swiglu_grad)(const SwigluGrad<T>&, int64_t begin, int64_t end);
  void (*gated_group_norm)(const GatedGroupNorm<T>&, int64_t begin, int64_t end);
  void (*gated_group_norm_grad)(const GatedGroupNormGrad<T>&, int64_t begin, int64_t end);
  void (*causal_conv)(const CausalConv<T>&, int64_t begin, int64_t end);
  void (*causal_conv_grad)(const CausalConvGrad<T>&, int64_t begin, int64_t end);
  void (*rope)(const Rope<T>&, int64_t begin, int64_t end);
  void (*attention)(const Attention<T>&, int64_t begin, int64_t end);
  void (*attention_grad)(const AttentionGrad<T>&, int64_t begin, int64_t end);
  void (*ssd)(const Ssd<T>&, int64_t begin, int64_t end);
  void (*ssd_grad)(const SsdGrad<T>&, int64_t begin, int64_t end);
  void (*kl_rows)(const KlRows<T>&, int64_t begin, int64_t end);
  void (*cross_entropy_rows)(const CrossEntropyRows<T>&, int64_t begin, int64_t end);
  void (*matvec)(const MatVec<T>&, int64_t begin, int64_t end);
  void (*head_loss)(const HeadLoss<T>&, int64_t begin, int64_t end);
  void (*pack)(const Pack<T>&, int64_t begin, int64_t end);
  void (*gemm)(const Gemm<T>&, int64_t begin, int64_t end);
  void (*gemm_sum)(const GemmSum<T>&, int64_t begin, int64_t end);
  void (*mlp)(const Mlp<T>&, int64_t begin, int64_t end);
  void (*mlp_grad)(const MlpGrad<T>&, int64_t begin, int64_t end);
  void (*adamw)(const AdamW<T>&, int64_t begin, int64_t end);
};

// T is float or double. ZEBRA_CPU=baseline, avx2 or avx512 chooses a lesser one.
template <class T>
const CpuTable<T>& cpu();
// All that this processor can run.
template <class T>
const std::vector<const CpuTable<T>*>& cpu_tables();

}  // namespace zebra::kernels
