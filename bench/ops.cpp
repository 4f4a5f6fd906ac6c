// Every op forward and backward beside its plain-ATen twin, at the shapes of distilling stories260k (16 x 256 tokens).
// usage: zebra_bench_ops [runs]
#include <ATen/Parallel.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/cpu.h"
#include "ops/adamw.h"
#include "ops/attention.h"
#include "ops/causal_conv.h"
#include "ops/distillation_kl.h"
#include "ops/gated_group_norm.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/ssd.h"
#include "ops/swiglu.h"
#include "timing.h"

using namespace zebra;
using Tensors = std::vector<at::Tensor>;
using Op = std::function<at::Tensor(const Tensors&)>;

namespace {

int runs = 30;

struct Times {
  double forward, backward;
};

Times measure(const Op& op, const Tensors& inputs) {
  const at::Tensor weight = at::randn_like(op(inputs));
  const double forward = bench::best_ms([&] { op(inputs); }, runs);
  const auto both = [&] {
    for (const auto& input : inputs) input.mutable_grad() = at::Tensor();
    op(inputs).backward(weight);
  };
  return {forward, bench::best_ms(both, runs) - forward};
}

void compare(const char* name, const Op& fast, const Op& plain, Tensors inputs) {
  for (auto& input : inputs) input.set_requires_grad(true);
  const Times own = measure(fast, inputs), theirs = measure(plain, inputs);
  std::printf("%-18s %8.3f %8.3f   %8.3f %8.3f   x%.1f\n", name, own.forward, own.backward, theirs.forward,
              theirs.backward, (theirs.forward + theirs.backward) / (own.forward + own.backward));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) runs = std::max(1, std::atoi(argv[1]));
  constexpr int64_t B = 16, L = 256, T = B * L, D = 64, H = 8, K = 4, P = 8, V = 512;
  std::printf("%d threads, kernels for %s; best of %d, ms\n", at::get_num_threads(), kernels::cpu<float>().isa, runs);
  std::printf("%-18s %8s %8s   %8s %8s\n", "", "forward", "backward", "plain", "plain");

  compare(
      "rms_norm", [](const auto& in) { return ops::rms_norm(in[0], in[1], 1e-5); },
      [](const auto& in) { return ops::reference::rms_norm(in[0], in[1], 1e-5); },
      {at::randn({B, L, D}), at::randn({D})});
  compare(
      "swiglu", [](const auto& in) { return ops::swiglu(in[0], in[1]); },
      [](const auto& in) { return ops::reference::swiglu(in[0], in[1]); },
      {at::randn({B, L, 172}), at::randn({B, L, 172})});
  compare(
      "gated_group_norm", [](const auto& in) { return ops::gated_group_norm(in[0], in[1], in[2], P, 1e-5); },
      [](const auto& in) { return ops::reference::gated_group_norm(in[0], in[1], in[2], P, 1e-5); },
      {at::randn({B, L, D}), at::randn({B, L, D}), at::randn({D})});
  compare(
      "causal_conv", [](const auto& in) { return ops::causal_conv_silu(in[0], in[1], in[2], {}); },
      [](const auto& in) { return ops::reference::causal_conv_silu(in[0], in[1], in[2], {}); },
      {at::randn({B, L, 128}), at::randn({128, 4}), at::randn({128})});
  const at::Tensor cos = at::randn({1, L, 2}), sin = at::randn({1, L, 2});
  compare(
      "rope", [&](const auto& in) { return ops::rope(in[0], cos, sin, false); },
      [&](const auto& in) { return ops::reference::rope(in[0], cos, sin, false); }, {at::randn({B, L, H, 12})});
  compare(
      "attention", [](const auto& in) { return ops::attention(in[0], in[1], in[2], 0.3); },
      [](const auto& in) { return ops::reference::attention(in[0], in[1], in[2], 0.3, 0); },
      {at::randn({B, L, H, 12}), at::randn({B, L, K, 12}), at::randn({B, L, K, 8})});
  compare(
      "ssd", [](const auto& in) { return ops::ssd(in[0], in[1], in[2], in[3], in[4], in[5]); },
      [](const auto& in) {
        return ops::reference::ssd_chunked(in[0], in[1], in[2], in[3], in[4], in[5], {}, nullptr, 32);
      },
      {at::randn({B, L, K, P}), at::rand({B, L, H}), -at::rand({H}), at::randn({B, L, K, P}), at::randn({B, L, H, P}),
       at::randn({H})});
  const at::Tensor teacher_hidden = at::randn({T, D}), teacher_head = at::randn({V, D});
  compare(
      "distillation_kl",
      [&](const auto& in) { return ops::distillation_kl(in[0], in[1], teacher_hidden, teacher_head); },
      [&](const auto& in) { return ops::reference::distillation_kl(in[0], in[1], teacher_hidden, teacher_head, {}); },
      {at::randn({T, D}), at::randn({V, D})});
  const at::Tensor param = at::randn({300000}), grad = at::randn({300000}), m = at::zeros({300000}),
                   v = at::zeros({300000});
  std::printf("%-18s %8.3f            %8.3f\n", "adamw 300k",
              bench::best_ms([&] { ops::adamw(param, grad, m, v, {.lr = 1e-3}); }, runs),
              bench::best_ms([&] { ops::reference::adamw(param, grad, m, v, {.lr = 1e-3}); }, runs));
}
