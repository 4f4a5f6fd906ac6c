#include "ops/stored_targets.h"

#include "ops/head_chunks.h"
#include "ops/mean_divergence.h"

namespace zebra::ops {

namespace {

void for_teacher_chunks(const at::Tensor& hidden, const at::Tensor& head, double temperature,
                        const std::function<void(int64_t first, const at::Tensor& log_probs)>& each) {
  const at::Tensor plain = temperature == 1 ? hidden : hidden / temperature;
  for_head_chunks(plain, head, [&](int64_t first, const at::Tensor&, const at::Tensor& logits) {
    each(first, logits.log_softmax(-1));
  });
}

}  // namespace

TopTargets top_k_targets(const at::Tensor& hidden, const at::Tensor& head, double temperature, int64_t k) {
  std::vector<at::Tensor> tokens, log_probs, rest;
  for_teacher_chunks(hidden, head, temperature, [&](int64_t, const at::Tensor& teacher) {
    const TopTargets chunk = top_k_of(teacher, k);
    tokens.push_back(chunk.tokens), log_probs.push_back(chunk.log_probs), rest.push_back(chunk.rest);
  });
  return {at::cat(tokens), at::cat(log_probs), at::cat(rest)};
}

DrawnTargets drawn_targets(const at::Tensor& hidden, const at::Tensor& head, double temperature, const Draws& draws) {
  std::vector<at::Tensor> distinct, tokens, counts, log_prob;
  for_teacher_chunks(hidden, head, temperature, [&](int64_t first, const at::Tensor& teacher) {
    const at::Tensor drawn =
        draw_tokens(teacher, {draws.samples, draws.seed, draws.first_token + static_cast<uint64_t>(first)});
    log_prob.push_back(teacher.gather(1, drawn).mean(-1));
    // Runs of equals in the sorted draws: [n, samples].
    const at::Tensor sorted = std::get<0>(drawn.to(at::kCPU).sort(-1)), starts = at::ones_like(sorted, at::kBool);
    if (draws.samples > 1) {
      starts.narrow(1, 1, draws.samples - 1)
          .copy_(sorted.narrow(1, 1, draws.samples - 1) != sorted.narrow(1, 0, draws.samples - 1));
    }
    distinct.push_back(starts.sum(-1));
    tokens.push_back(sorted.masked_select(starts));
    // A run ends where the next one starts.
    const at::Tensor places = starts.flatten().nonzero().flatten();
    counts.push_back(at::diff(at::cat({places, at::full({1}, sorted.numel(), at::kLong)})));
  });
  const auto joined = [&](const std::vector<at::Tensor>& parts) { return at::cat(parts).to(hidden.device()); };
  return {draws.samples, joined(distinct), joined(tokens), joined(counts), joined(log_prob)};
}

at::Tensor stored_kl(const at::Tensor& hidden, const at::Tensor& head, double temperature, const TopTargets& targets) {
  return mean_student_loss(hidden, head, temperature, [&](int64_t first, const at::Tensor& student) -> RowTerms {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, first, student.size(0)); };
    const auto type = student.scalar_type();
    return top_k_terms({part(targets.tokens), part(targets.log_probs).to(type), part(targets.rest).to(type)}, student);
  });
}

at::Tensor stored_kl(const at::Tensor& hidden, const at::Tensor& head, double temperature,
                     const DrawnTargets& targets) {
  const at::Tensor ends = targets.distinct.cumsum(0).to(at::kCPU);
  const int64_t* end = ends.const_data_ptr<int64_t>();
  return mean_student_loss(hidden, head, temperature, [&](int64_t first, const at::Tensor& student) -> RowTerms {
    const int64_t n = student.size(0), begin = first == 0 ? 0 : end[first - 1], size = end[first + n - 1] - begin;
    const at::Tensor rows =
        at::repeat_interleave(at::arange(n, targets.distinct.options()), targets.distinct.narrow(0, first, n));
    const at::Tensor counts = at::zeros_like(student).index_put_(
        {rows, targets.tokens.narrow(0, begin, size)}, targets.counts.narrow(0, begin, size).to(student.scalar_type()));
    const at::Tensor slopes = counts.div_(-static_cast<double>(targets.samples));
    // Where nothing was drawn the student may have no probability at all.
    const at::Tensor found = (student * slopes).masked_fill(slopes == 0, 0).sum(-1);
    return {targets.log_prob.narrow(0, first, n).to(student.scalar_type()) + found, slopes};
  });
}

}  // namespace zebra::ops
