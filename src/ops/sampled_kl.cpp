#include "base/rng.h"
#include "ops/mean_divergence.h"

namespace zebra::ops {

namespace {

// A running sum along rows comes out the same each time, but libtorch does not promise it on CUDA and would refuse.
class RunningSumsAllowed {
 public:
  RunningSumsAllowed() { at::globalContext().setDeterministicAlgorithms(false, false); }
  ~RunningSumsAllowed() { at::globalContext().setDeterministicAlgorithms(deterministic_, warn_); }

 private:
  const bool deterministic_ = at::globalContext().deterministicAlgorithms();
  const bool warn_ = at::globalContext().deterministicAlgorithmsWarnOnly();
};

at::Tensor running_sums(const at::Tensor& x) {
  const RunningSumsAllowed allowed;
  return x.cumsum(-1, at::kDouble);
}

}  // namespace

at::Tensor draw_tokens(const at::Tensor& log_probs, const Draws& draws) {
  const int64_t tokens = log_probs.size(0), last = log_probs.size(1) - 1;
  at::Tensor uniform = at::empty({tokens, draws.samples}, at::kDouble);
  double* next = uniform.mutable_data_ptr<double>();
  for (int64_t token = 0; token < tokens; ++token) {
    Rng rng(draws.seed, draws.first_token + static_cast<uint64_t>(token));
    for (int64_t i = 0; i < draws.samples; ++i) *next++ = rng.uniform();
  }
  const at::Tensor running = running_sums(log_probs.exp());
  // The last sum is 1 but for rounding.
  const at::Tensor wanted = uniform.to(log_probs.device()) * running.narrow(1, last, 1);
  return at::searchsorted(running, wanted, false, true).clamp_max(last);
}

at::Tensor reference::sampled_kl(const HeadPair& pair, const Draws& draws) {
  const auto [teacher, student] = log_probs(pair);
  const at::Tensor drawn = draw_tokens(teacher, draws);
  return mean_of(pair, (teacher - student).gather(1, drawn).mean(-1));
}

at::Tensor sampled_kl(const HeadPair& pair, const Draws& draws) {
  TORCH_CHECK(draws.samples > 0, "sampled_kl: samples: expected 1 or more, found ", draws.samples);
  return mean_divergence(pair, [&](int64_t first, const at::Tensor& teacher, const at::Tensor& student) -> RowTerms {
    const at::Tensor drawn =
        draw_tokens(teacher, {draws.samples, draws.seed, draws.first_token + static_cast<uint64_t>(first)});
    const at::Tensor losses = (teacher.gather(1, drawn) - student.gather(1, drawn)).mean(-1);
    // Whole counts first: their sum is exact in any order.
    const at::Tensor counts =
        at::zeros_like(student).scatter_add_(1, drawn, at::ones(drawn.sizes(), student.options()));
    return {losses, counts.div_(-static_cast<double>(draws.samples))};
  });
}

}  // namespace zebra::ops
