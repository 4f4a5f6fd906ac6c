// The table of one instruction set; included last by its unit.
#pragma once
#include "kernels/cpu.h"
#include "kernels/cpu/adamw.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/causal_conv.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/losses.h"
#include "kernels/cpu/matvec.h"
#include "kernels/cpu/norms.h"
#include "kernels/cpu/ssd.h"

namespace zebra::kernels::ZEBRA_ISA {

template <class T>
constexpr CpuTable<T> make_table(const char* isa) {
  return {
      .isa = isa,
      .lanes = kLanes<T>,
      .attention_rows = kRowBlock<T>,
      .gemm_block_rows = kBlockRows,
      .gemm_panel = kPanel<T>,
      .rms_norm = rms_norm<T>,
      .rms_norm_grad = rms_norm_grad<T>,
      .swiglu = swiglu<T>,
      .swiglu_grad = swiglu_grad<T>,
      .gated_group_norm = gated_group_norm<T>,
      .gated_group_norm_grad = gated_group_norm_grad<T>,
      .causal_conv = causal_conv<T>,
      .causal_conv_grad = causal_conv_grad<T>,
      .rope = rope<T>,
      .attention = attention<T>,
      .attention_grad = attention_grad<T>,
      .ssd = ssd<T>,
      .ssd_grad = ssd_grad<T>,
      .kl_rows = kl_rows<T>,
      .cross_entropy_rows = cross_entropy_rows<T>,
      .matvec = matvec<T>,
      .head_loss = head_loss<T>,
      .pack = pack<T>,
      .gemm = gemm<T>,
      .gemm_sum = gemm_sum<T>,
      .mlp = mlp<T>,
      .mlp_grad = mlp_grad<T>,
      .adamw = adamw<T>,
  };
}

extern const CpuTable<float> table_f32 = make_table<float>(ZEBRA_ISA_NAME);
extern const CpuTable<double> table_f64 = make_table<double>(ZEBRA_ISA_NAME);

}  // namespace zebra::kernels::ZEBRA_ISA
