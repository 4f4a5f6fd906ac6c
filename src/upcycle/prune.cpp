#include "upcycle/prune.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "upcycle/inherited.h"

namespace zebra {

namespace {

using Indices = std::vector<int64_t>;

void check_part(const char* flag, int64_t value, int64_t most) {
  if (value < 1 || value > most) fail_usage(flag, ": expected 1 to the teacher's ", most, ", found ", value);
}

Indices largest(const at::Tensor& scores, int64_t count) {
  const at::Tensor flat = scores.contiguous();
  const double* values = flat.const_data_ptr<double>();
  Indices order(static_cast<size_t>(flat.numel()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return values[a] > values[b]; });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

// Rows of all dimensions of these heads.
Indices rows_of(const Indices& heads, int64_t head_dim) {
  Indices rows;
  for (const int64_t head : heads) {
    for (int64_t i = 0; i < head_dim; ++i) rows.push_back(head * head_dim + i);
  }
  return rows;
}

at::Tensor take(const at::Tensor& value, int64_t dim, const Indices& kept) {
  if (static_cast<int64_t>(kept.size()) == value.size(dim)) return value;
  return value.index_select(dim, at::tensor(kept, at::kLong));
}

// The kept channels' root mean square over that of all.
double scale_of(const at::Tensor& squares, const Indices& channels) {
  if (static_cast<int64_t>(channels.size()) == squares.numel()) return 1;
  const double all = squares.mean().item<double>(), kept = take(squares, 0, channels).mean().item<double>();
  return all > 0 ? std::sqrt(kept / all) : 1;
}

}  // namespace

PruneTarget complete(PruneTarget target, const ModelConfig& teacher) {
  const AttentionConfig attention = base_attention(teacher);
  check_transformer(teacher, "prune");
  const int64_t group = attention.heads / attention.kv_heads;
  if (target.kv_heads == 0) target.kv_heads = attention.kv_heads;
  if (target.heads == 0) target.heads = target.kv_heads * group;
  if (target.hidden == 0) target.hidden = teacher.hidden;
  if (target.intermediate == 0) target.intermediate = teacher.intermediate;
  if (target.layers == 0) target.layers = teacher.layers();
  check_part("--hidden", target.hidden, teacher.hidden);
  check_part("--intermediate", target.intermediate, teacher.intermediate);
  check_part("--kv-heads", target.kv_heads, attention.kv_heads);
  check_part("--heads", target.heads, attention.heads);
  check_part("--layers", target.layers, teacher.layers());
  if (target.heads % target.kv_heads != 0 || target.heads / target.kv_heads > group) {
    fail_usage("--heads: expected 1 to ", group, " times --kv-heads ", target.kv_heads, ", as each kv head has ", group,
               " heads in the teacher, found ", target.heads);
  }
  return target;
}

ModelConfig plan_pruned(const ModelConfig& teacher, const PruneTarget& target) {
  ModelConfig pruned = teacher;
  pruned.hidden = target.hidden, pruned.intermediate = target.intermediate;
  pruned.mixers.resize(static_cast<size_t>(target.layers));
  const auto narrow = [&](AttentionConfig& attention) {
    attention.hidden = target.hidden, attention.heads = target.heads, attention.kv_heads = target.kv_heads;
  };
  for (int64_t layer = 0; layer < pruned.layers(); ++layer) {
    AttentionConfig attention = *attention_in(teacher, layer);
    narrow(attention);
    pruned.mixers[static_cast<size_t>(layer)] = attention;
  }
  pruned.attention = base_attention(teacher);
  narrow(pruned.attention);
  if (target.layers != teacher.layers()) {
    const auto window = [&](size_t layer) { return teacher.mixers[layer]->window(); };
    for (size_t layer = 1; layer < teacher.mixers.size(); ++layer) {
      if (window(layer) != window(0)) {
        fail_usage("layers: expected ", teacher.layers(),
                   ", all of the teacher's, whose layers have different windows (", window(0), " in layer 0, ",
                   window(layer), " in layer ", layer, "), found ", target.layers);
      }
    }
  }
  return pruned;
}

PruneChoice choose_parts(const Importance& importance, const std::vector<double>& layer_scores,
                         const ModelConfig& teacher, const PruneTarget& target) {
  PruneChoice choice;
  choice.layers = largest(at::tensor(layer_scores, at::kDouble), target.layers);
  // Norms of the kept layers say which channels count: all share one residual stream.
  at::Tensor channels = importance.last_norm.clone();
  for (const int64_t layer : choice.layers) {
    const auto& found = importance.layers[static_cast<size_t>(layer)];
    channels += found.first_norm + found.second_norm;
  }
  choice.channels = largest(channels, target.hidden);
  const int64_t kv_heads = base_attention(teacher).kv_heads, each = target.heads / target.kv_heads;
  for (const int64_t layer : choice.layers) {
    const auto& found = importance.layers[static_cast<size_t>(layer)];
    choice.neurons.push_back(largest(found.neurons, target.intermediate));
    const at::Tensor groups = found.heads.view({kv_heads, -1});
    choice.kv_heads.push_back(largest(groups.sum(1), target.kv_heads));
    Indices heads;
    for (const int64_t kv : choice.kv_heads.back()) {
      for (const int64_t head : largest(groups[kv], each)) heads.push_back(kv * groups.size(1) + head);
    }
    choice.heads.push_back(heads);
  }
  return choice;
}

void write_pruned(const WeightSource& source, const ModelConfig& teacher, const ModelConfig& pruned,
                  const PruneChoice& choice, const Importance& importance,
                  const std::function<void(const std::string& name, const at::Tensor& value)>& sink) {
  const int64_t head_dim = base_attention(teacher).head_dim;
  const auto norm = [&](const std::string& to, const std::string& from, const at::Tensor& squares) {
    const at::Tensor weight = take(source.get(from), 0, choice.channels);
    const double scale = scale_of(squares, choice.channels);
    sink(to, scale == 1 ? weight : (weight.to(at::kDouble) * scale).to(weight.scalar_type()));
  };
  Model shapes(pruned, at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  shapes.parameters([&](const std::string& name, const at::Tensor&) {
    const std::string begin = "model.layers.";
    if (name == "model.norm.weight") return norm(name, name, importance.last_square);
    if (!name.starts_with(begin)) return sink(name, take(source.get(name), 1, choice.channels));  // embedding, head
    const size_t dot = name.find('.', begin.size());
    const auto at = static_cast<size_t>(std::stoll(name.substr(begin.size(), dot - begin.size())));
    const std::string part = name.substr(dot + 1), from = cat(begin, choice.layers[at], ".", part);
    const auto& found = importance.layers[static_cast<size_t>(choice.layers[at])];
    if (part == "input_layernorm.weight") return norm(name, from, found.first_square);
    if (part == "post_attention_layernorm.weight") return norm(name, from, found.second_square);
    const auto is = [&](const char* projection) { return part.find(projection) != std::string::npos; };
    at::Tensor value = source.get(from);
    if (is("q_norm") || is("k_norm")) return sink(name, value);  // of a head's dimensions, which stay
    const Indices inner = is("mlp.")                     ? choice.neurons[at]
                          : is("q_proj") || is("o_proj") ? rows_of(choice.heads[at], head_dim)
                                                         : rows_of(choice.kv_heads[at], head_dim);
    const bool returns = is("o_proj") || is("down_proj");  // to the residual stream
    value = take(value, 0, returns ? choice.channels : inner);
    if (value.dim() == 2) value = take(value, 1, returns ? inner : choice.channels);
    sink(name, value);
  });
}

}  // namespace zebra
