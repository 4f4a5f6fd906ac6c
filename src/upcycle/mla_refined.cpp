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
  at::Tensor q_keys, k_keys;  // [H, n, E], [K, n, E]: the unrotated pairs that the latent factors, with their queries
  at::Tensor v;               // [K, P, E]
  at::Tensor shared_key;      // [rope, E]
  std::vector<int64_t> read;  // rows of a key head that the layer reads of those n
};

// What the shared key of one frequency is: heads' keys [n, E] are near mix key, with mix [n, 1] and key [1, E].
struct SharedKey {
  at::Tensor mix, key;
};

SharedKey mean_key(const at::Tensor& keys) {
  return {at::ones({keys.size(0), 1}, keys.options()), keys.mean(0, true)};
}

// RoRoPE: the direction across heads that holds most of the keys' power. A real one rotates both halves of a pair
// alike; a phase commutes with the rotation of the pair as well, so that it may be complex.
SharedKey principal_key(const at::Tensor& keys, const at::Tensor& second, bool complex) {
  const auto power = at::matmul(at::matmul(keys, second), keys.t().conj());
  const auto mix =
      complex ? top_eigenvectors(power, 1) : top_eigenvectors(at::real(power), 1).to(keys.scalar_type());  // [n, 1]
  return {mix, at::matmul(mix.t().conj(), keys)};
}

bool contains(const std::vector<int64_t>& pairs, int64_t pair) {
  return std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
}

// FreqFold: the frequencies that one rotated pair stands for, its own first.
std::vector<int64_t> folded(const std::vector<int64_t>& pairs, int64_t pair, int64_t count, bool fold) {
  std::vector<int64_t> members = {pair};
  if (fold && pair + 1 < count && !contains(pairs, pair + 1)) members.push_back(pair + 1);
  return members;
}

// Queries turned by the mean rotation of the distances they attend to, since an unrotated pair has none of its own.
at::Tensor turned_queries(const at::Tensor& q, const at::Tensor& mean, const MlaIdeas& ideas) {
  if (ideas.phase) return q * (mean / mean.abs().clamp_min(1e-12)).conj().unsqueeze(-1);
  if (ideas.rotation) return q * mean.conj().unsqueeze(-1);
  return q;
}

// Rows of pairs in half layout: [i, ..., i + P / 2, ...].
std::vector<int64_t> rows_of_pairs(const std::vector<int64_t>& pairs, int64_t total) {
  std::vector<int64_t> rows = pairs;
  for (const int64_t pair : pairs) rows.push_back(pair + total);
  return rows;
}

Rows split_rows(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                const std::vector<int64_t>& pairs, const MlaIdeas& ideas) {
  const auto k = to_complex_pairs(teacher.k), q = to_complex_pairs(teacher.q);
  const auto second = statistics.second.to(k.scalar_type());
  const int64_t count = k.size(1), kv_heads = k.size(0);
  const bool residual = config.nope_dim == teacher.config.head_dim;
  auto left_over = k.clone();
  std::vector<at::Tensor> keys, queries;
  for (const int64_t pair : pairs) {
    const auto members = folded(pairs, pair, count, ideas.freqfold);
    std::vector<at::Tensor> parts;
    for (const int64_t member : members) parts.push_back(k.select(1, member));
    const auto heads = at::cat(parts);  // [n K, E]
    const auto shared = ideas.complex || ideas.rorope ? principal_key(heads, second, ideas.complex) : mean_key(heads);
    keys.push_back(shared.key.squeeze(0));
    at::Tensor query;
    for (size_t i = 0; i < members.size(); ++i) {
      const auto mix = shared.mix.narrow(0, static_cast<int64_t>(i) * kv_heads, kv_heads);  // [K, 1]
      const auto part = q.select(1, members[i]) * mix.conj().repeat_interleave(teacher.group(), 0);
      query = query.defined() ? query + part : part;
      if (residual || members[i] != pair) left_over.select(1, members[i]).sub_(at::matmul(mix, shared.key));
    }
    queries.push_back(query);
  }
  const auto turned = turned_queries(q, statistics.reach.rotation, ideas);

  std::vector<int64_t> unrotated, all;  // the pairs that nope rows carry, and all of them
  for (int64_t pair = 0; pair < count; ++pair) {
    if (residual || !contains(pairs, pair)) unrotated.push_back(pair);
    all.push_back(pair);
  }
  const auto select = [&](const at::Tensor& x, const std::vector<int64_t>& chosen) {
    return from_complex_pairs(x.index_select(1, at::tensor(chosen, at::kLong).to(k.device())));
  };
  // An MLA layer divides scores by the root of its own key width.
  const double scale =
      std::sqrt(static_cast<double>(config.nope_dim + config.rope_dim) / static_cast<double>(teacher.config.head_dim));
  const auto& factored = ideas.used_rows ? unrotated : all;
  Rows rows;
  rows.q_nope = select(turned, unrotated) * scale;
  rows.q_rope = from_complex_pairs(at::stack(queries, 1)) * scale;
  rows.q_keys = ideas.used_rows ? rows.q_nope : select(turned, all) * scale;
  rows.k_keys = select(left_over, factored);
  rows.v = teacher.v;
  rows.shared_key = from_complex_pairs(at::stack(keys));
  if (factored == unrotated) {
    for (int64_t row = 0; row < rows.k_keys.size(1); ++row) rows.read.push_back(row);
  } else {
    rows.read = rows_of_pairs(unrotated, count);
  }
  return rows;
}

// The matrix that the latent factors, and how its rows become those of keys and values again.
struct Joint {
  at::Tensor all;                   // [K n + K P, E]
  at::Tensor key_side, value_side;  // [K, n, n], [K, P, P], or undefined for 1
  double balance = 1;               // of keys against values
};

// Two-sided: keys count by the second moment of their queries, values by what the output projection makes of them.
// Balance: both sides are scaled to the same total.
Joint joint_rows(const Rows& rows, const TeacherAttention& teacher, const at::Tensor& second, const MlaConfig& config,
                 const MlaIdeas& ideas) {
  const int64_t heads = teacher.config.heads, kv_heads = teacher.config.kv_heads, dim = teacher.config.head_dim;
  Joint joint;
  auto keys = rows.k_keys, values = rows.v;
  if (ideas.two_sided) {
    const auto by_group = [&](const at::Tensor& each) {
      return each.view({kv_heads, heads / kv_heads, each.size(1), each.size(2)}).sum(1);
    };
    const double width = static_cast<double>(config.nope_dim + config.rope_dim);
    const auto queries = by_group(at::matmul(at::matmul(rows.q_keys, second), rows.q_keys.transpose(1, 2)) / width);
    const auto out = teacher.o.view({-1, heads, dim}).permute({1, 2, 0});  // [H, P, D]
    const auto outputs = by_group(at::matmul(out, out.transpose(1, 2)));
    joint.key_side = symmetric_power(queries, 0.5, kWhiteningRidge);
    joint.value_side = symmetric_power(outputs, 0.5, kWhiteningRidge);
    keys = at::matmul(joint.key_side, keys), values = at::matmul(joint.value_side, values);
  }
  if (ideas.balance) {
    const auto power = [&](const at::Tensor& x) { return (at::matmul(x, second) * x).sum().item<double>(); };
    const double key_power = power(keys), value_power = power(values);
    joint.balance = key_power > 0 && value_power > 0 ? std::sqrt(value_power / key_power) : 1.0;
    keys = keys * joint.balance;
  }
  joint.all = at::cat({keys.flatten(0, 1), values.flatten(0, 1)});  // [n, E]
  return joint;
}

// Whitened, an error of rows is one of their outputs; otherwise inputs count alike.
at::Tensor gram(const Joint& joint, const at::Tensor& second, const MlaIdeas& ideas) {
  return at::matmul(ideas.whiten ? at::matmul(joint.all, second) : joint.all, joint.all.t());
}

struct Latent {
  at::Tensor down, up;  // [r, E], [K, nope + P, r]
};

Latent factor(const Rows& rows, const TeacherAttention& teacher, const at::Tensor& second, const MlaConfig& config,
              const MlaIdeas& ideas) {
  const int64_t kv_heads = teacher.config.kv_heads, dim = teacher.config.head_dim, keys = rows.k_keys.size(1);
  const auto joint = joint_rows(rows, teacher, second, config, ideas);
  const auto basis = top_eigenvectors(gram(joint, second, ideas), config.kv_rank);
  auto up_k = basis.narrow(0, 0, kv_heads * keys).view({kv_heads, keys, config.kv_rank});
  auto up_v = basis.narrow(0, kv_heads * keys, kv_heads * dim).view({kv_heads, dim, config.kv_rank});
  if (ideas.two_sided) {
    up_k = at::linalg_solve(joint.key_side * joint.balance, up_k);
    up_v = at::linalg_solve(joint.value_side, up_v);
  } else {
    up_k = up_k / joint.balance;
  }
  up_k = up_k.index_select(1, at::tensor(rows.read, at::kLong).to(up_k.device()));
  return {at::matmul(basis.t(), joint.all), at::cat({up_k, up_v}, 1)};
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
                         const std::vector<int64_t>& pairs, const MlaIdeas& ideas) {
  const auto second = with_ridge(statistics.second, kInputRidge);
  const auto rows = split_rows(teacher, statistics, config, pairs, ideas);
  const auto latent = factor(rows, teacher, second, config, ideas);

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

at::Tensor latent_spectrum(const TeacherAttention& teacher, const LayerStatistics& statistics, const MlaConfig& config,
                           const std::vector<int64_t>& pairs, const MlaIdeas& ideas) {
  const auto second = with_ridge(statistics.second, kInputRidge);
  const auto rows = split_rows(teacher, statistics, config, pairs, ideas);
  const auto joint = joint_rows(rows, teacher, second, config, ideas);
  const auto values = at::linalg_eigvalsh(gram(joint, second, ideas)).flip(0).clamp_min(0);
  return values.narrow(0, 0, std::min(joint.all.size(0), joint.all.size(1))).to(at::kCPU);
}

}  // namespace zebra
