// One training step of the hybrid of stories260k's shape (MLA in layers 1 and 3, Mamba2 in 0, 2 and 4) against
// precomputed hidden states of a teacher: 16 x 256 tokens. usage: zebra_bench_train_step [runs]
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cstdio>
#include <cstdlib>

#include "model/model.h"
#include "ops/distillation_kl.h"
#include "timing.h"
#include "train/optimizer.h"

using namespace zebra;

namespace {

ModelConfig hybrid() {
  const Mamba2Config mamba{.hidden = 64, .heads = 8, .kv_heads = 4, .head_dim = 8};
  MlaConfig mla{.hidden = 64, .heads = 8, .kv_heads = 4, .kv_rank = 16, .nope_dim = 8, .rope_dim = 4, .v_dim = 8};
  ModelConfig config;
  config.vocab = 512, config.hidden = 64, config.intermediate = 172, config.tied = true;
  config.mixers = {mamba, mla, mamba, mla, mamba};
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 30;
  constexpr int64_t kBatch = 16, kLength = 256, kTokens = kBatch * kLength;
  at::manual_seed(0);
  Model model(hybrid());
  model.parameters([](const std::string&, at::Tensor& value) { value.uniform_(-0.1, 0.1); });
  Optimizer optimizer([&](const ParameterVisitor& visit) { model.parameters(visit); },
                      [](const std::string&) { return true; }, {});
  const at::Tensor ids = at::randint(0, 512, {kBatch, kLength}, at::kLong);
  const at::Tensor teacher = at::randn({kTokens, 64}), head = at::randn({512, 64}) * 0.1;

  double forward = 1e30, loss_time = 1e30, backward = 1e30, step = 1e30, all = 1e30;
  for (int run = 0; run < runs; ++run) {
    at::Tensor hidden, loss;
    double parts = 0;
    const auto part = [&](double& best, const std::function<void()>& call) {
      const double ms = bench::best_ms(call, 1);
      best = std::min(best, ms);
      parts += ms;
    };
    part(forward, [&] { hidden = model.hidden(ids); });
    part(loss_time, [&] { loss = ops::distillation_kl(hidden.flatten(0, 1), model.head().weight, teacher, head); });
    part(backward, [&] { loss.backward(); });
    part(step, [&] {
      optimizer.step(loss.item<double>(), 1e-3);
      optimizer.zero_grad();
    });
    all = std::min(all, parts);
  }
  std::printf(
      "%d threads, best of %d, ms: forward %.2f  loss %.2f  backward %.2f  optimizer %.2f  all %.2f = %.0f tok/s\n",
      at::get_num_threads(), runs, forward, loss_time, backward, step, all, kTokens / all * 1000);
}
