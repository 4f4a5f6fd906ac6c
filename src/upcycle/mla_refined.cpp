#include "upcycle/mla_refined.h"

#include <algorithm>
#include <cmath>

#include "upcycle/linalg.h"

namespace zebra {

namespace {

constexpr double kInputRidge = 0.01;      // on E[h h^T]: directions that calibration hardly saw still count
constexpr double kWhiteningRidge = 1e-3;  // on the heads' query and output second moments

// Rows [heads, n, E] that a projection shall have, before they are factored.
struct Rows {
  at::Tensor q_nope, q_rope;  // [H, nope, E], [H, rope, E]
  at::Tensor k_nope, v;       // [K, nope, E], [K, P, E]
  at::Tensor shared_key;      // [rope, E]
};

Rows split_rows(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                const std::vector<int64_t>& pairs) {
  const auto k = to_complex_pairs(teacher.k), q = to_complex_pairs(teacher.q);
  const auto second = statistics.second.to(k.scalar_type());
  auto left_over = k.clone();
  std::vector<at::Tensor> keys, queries;
  for (const int64_t pair : pairs) {
    const auto heads = k.select(1, pair);                                                                 // [K, E]
    const auto direction = top_eigenvectors(at::matmul(at::matmul(heads, second), heads.t().conj()), 1);  // [K, 1]
    const auto key = at::matmul(direction.t().conj(), heads);                                             // [1, E]
    keys.push_back(key.squeeze(0));
    queries.push_back(q.select(1, pair) * direction.conj().repeat_interleave(teacher.group(), 0));
    left_over.select(1, pair).sub_(at::matmul(direction, key));
  }
  const auto mean = statistics.reach.rotation;
  auto turned = q * (mean / mean.abs().clamp_min(1e-12)).conj().unsqueeze(-1);

  std::vector<int64_t> unrotated;  // the pairs that nope rows carry
  for (int64_t pair = 0; pair < k.size(1); ++pair) {
    const bool kept = std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
    if (!kept || config.nope_dim == teacher.config.head_dim) unrotated.push_back(pair);
  }
  const auto chosen = at::tensor(unrotated, at::kLong).to(k.device());
  // An MLA layer divides scores by the root of its own key width.
  const double scale =
      std::sqrt(static_cast<double>(config.nope_dim + config.rope_dim) / static_cast<double>(teacher.config.head_dim));
  Rows rows;
  rows.q_nope = from_complex_pairs(turned.index_select(1, chosen)) * scale;
  rows.q_rope = from_complex_pairs(at::stack(queries, 1)) * scale;
  rows.k_nope = from_complex_pairs(left_over.index_select(1, chosen));
  rows.v = teacher.v;
  rows.shared_key = from_complex_pairs(at::stack(keys));
  return rows;
}

struct Latent {
  at::Tensor down, up;  // [r, E], [K, nope + P, r]
};

// Keys count by the second moment of their queries, values by what the output projection makes of them; both sides are
// scaled to the same total.
Latent factor(const Rows& rows, const TeacherAttention& teacher, const at::Tensor& second, const MlaConfig& config) {
  const int64_t heads = teacher.config.heads, kv_heads = teacher.config.kv_heads, dim = teacher.config.head_dim;
  const int64_t nope = rows.k_nope.size(1);
  const auto by_group = [&](const at::Tensor& each) {
    return each.view({kv_heads, heads / kv_heads, each.size(1), each.size(2)}).sum(1);
  };
  const double width = static_cast<double>(config.nope_dim + config.rope_dim);
  const auto queries = by_group(at::matmul(at::matmul(rows.q_nope, second), rows.q_nope.transpose(1, 2)) / width);
  const auto out = teacher.o.view({-1, heads, dim}).permute({1, 2, 0});  // [H, P, D]
  const auto outputs = by_group(at::matmul(out, out.transpose(1, 2)));
  const auto key_side = symmetric_power(queries, 0.5, kWhiteningRidge);
  const auto value_side = symmetric_power(outputs, 0.5, kWhiteningRidge);

  auto keys = at::matmul(key_side, rows.k_nope), values = at::matmul(value_side, rows.v);
  const auto power = [&](const at::Tensor& x) { return (at::matmul(x, second) * x).sum().item<double>(); };
  const double key_power = power(keys), value_power = power(values);
  const double balance = key_power > 0 && value_power > 0 ? std::sqrt(value_power / key_power) : 1.0;
  keys = keys * balance;

  const auto all = at::cat({keys.flatten(0, 1), values.flatten(0, 1)});  // [n, E]
  const auto basis = top_eigenvectors(at::matmul(at::matmul(all, second), all.t()), config.kv_rank);
  const auto up_k = basis.narrow(0, 0, kv_heads * nope).view({kv_heads, nope, config.kv_rank});
  const auto up_v = basis.narrow(0, kv_heads * nope, kv_heads * dim).view({kv_heads, dim, config.kv_rank});
  Latent latent;
  latent.down = at::matmul(basis.t(), all);
  latent.up = at::cat({at::linalg_solve(key_side * balance, up_k), at::linalg_solve(value_side, up_v)}, 1);
  return latent;
}

// Best rank-r factors of `rows` [n, E] in E|rows h|^2.
Factors whitened_factors(const at::Tensor& rows, const at::Tensor& second, int64_t rank) {
  if (rows.size(0) <= rows.size(1)) {
    const auto up = top_eigenvectors(at::matmul(at::matmul(rows, second), rows.t()), rank);
    return {up, at::matmul(up.t(), rows)};
  }
  const auto root = at::linalg_cholesky(second);  // second = root root^T
  const auto factors = truncated_svd(at::matmul(rows, root), rank);
  return {factors.up, at::linalg_solve_triangular(root, factors.down, /*upper=*/false, /*left=*/false)};
}

// Weight and, where the teacher has biases, the column of the constant input.
void put_rows(MixerWeights& weights, const std::string& name, const at::Tensor& rows, int64_t hidden) {
  weights[name + ".weight"] = rows.narrow(1, 0, hidden);
  if (rows.size(1) > hidden) weights[name + ".bias"] = rows.select(1, hidden);
}

}  // namespace

MixerWeights refined_mla(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                         const std::vector<int64_t>& pairs) {
  const auto second = with_ridge(statistics.second, kInputRidge);
  const auto rows = split_rows(teacher, statistics, config, pairs);
  const auto latent = factor(rows, teacher, second, config);

  MixerWeights weights;
  const auto q = at::cat({rows.q_nope, rows.q_rope}, 1).flatten(0, 1);
  if (config.q_rank > 0) {
    const auto factors = whitened_factors(q, second, config.q_rank);
    put_rows(weights, "q_a_proj", factors.down, config.hidden);
    weights["q_b_proj.weight"] = factors.up;
  } else {
    put_rows(weights, "q_proj", q, config.hidden);
  }
  put_rows(weights, "kv_a_proj_with_mqa", at::cat({latent.down, rows.shared_key}), config.hidden);
  weights["kv_b_proj.weight"] = latent.up.flatten(0, 1);
  weights["out_proj.weight"] = teacher.o;
  if (config.qkv_bias) {
    weights["out_proj.bias"] = teacher.o_bias.defined() ? teacher.o_bias : at::zeros({config.hidden}, q.options());
  }
  return weights;
}

}  // namespace zebra
