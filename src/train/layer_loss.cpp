#include "train/layer_loss.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

bool is_replaced(const Block& block) {
  return block.mixer_key != "self_attn";
}

struct Outputs {
  at::Tensor mixer, block;
  at::Tensor matrix;  // match matrix only
};

Outputs run(const Block& block, const at::Tensor& x, const Rows& rows) {
  Outputs out;
  out.block = block.forward(x, rows, 0, [&](int64_t, TapPoint point, const at::Tensor& value) {
    if (point == TapPoint::mixer_output) out.mixer = value;
  });
  return out;
}

at::Tensor distance_of(const Block& student, const at::Tensor& x, const Outputs& teacher, const LayerLoss& settings,
                       const Rows& rows) {
  if (settings.match == "matrix") {
    TORCH_CHECK(!rows.starts.defined(), "matrices are of whole rows");
    return layer_distance(student.mixer->mixing(student.input_layernorm(x)), teacher.matrix, settings.distance);
  }
  if (settings.match == "mixer") {  // the MLP behind it need not run
    const at::Tensor mixed = student.mixer->forward(student.input_layernorm(x), rows);
    return layer_distance(mixed, teacher.mixer, settings.distance);
  }
  const Outputs own = run(student, x, rows);
  const at::Tensor block = layer_distance(own.block, teacher.block, settings.distance);
  return settings.match == "block" ? block : block + layer_distance(own.mixer, teacher.mixer, settings.distance);
}

// Calls `each` with every layer, its input in the teacher and the teacher's outputs.
void for_layers(const Model& teacher, const at::Tensor& ids, const LayerLoss& settings, const Rows& rows,
                const std::function<void(size_t layer, const at::Tensor& x, const Outputs& target)>& each) {
  at::Tensor x;
  {
    c10::NoGradGuard no_grad;
    x = teacher.embed(ids);
  }
  for (size_t layer = 0; layer < teacher.blocks().size(); ++layer) {
    Outputs target;
    {
      c10::NoGradGuard no_grad;
      const Block& block = teacher.blocks()[layer];
      target = run(block, x, rows);
      if (settings.match == "matrix") target.matrix = block.mixer->mixing(block.input_layernorm(x));
    }
    each(layer, x, target);
    x = target.block;
  }
}

}  // namespace

void LayerLoss::check() const {
  if (distance != "relative" && distance != "norm" && distance != "cosine") {
    fail_usage("layer_distance: expected relative, norm or cosine, found \"", distance, "\"");
  }
  if (match != "mixer" && match != "block" && match != "both" && match != "matrix") {
    fail_usage("layer_match: expected mixer, block, both or matrix, found \"", match, "\"");
  }
}

at::Tensor layer_distance(const at::Tensor& s, const at::Tensor& t, const std::string& distance) {
  const at::Tensor a = s.to(at::promoteTypes(s.scalar_type(), at::kFloat)), b = t.to(a.scalar_type());
  if (distance == "norm") return at::linalg_vector_norm(a - b, 2, {-1}).mean();
  if (distance == "cosine") return 1 - at::cosine_similarity(a, b, -1).mean();
  return (a - b).square().sum() / b.square().sum().clamp_min(1e-12);
}

void layer_losses(const std::vector<LayerStudent>& students, const Model& teacher, const at::Tensor& ids,
                  const LayerLoss& settings, const Rows& rows) {
  for_layers(teacher, ids, settings, rows, [&](size_t layer, const at::Tensor& x, const Outputs& target) {
    for (const auto& [student, add] : students) {
      const auto& blocks = student.blocks();
      if (!is_replaced(blocks[layer])) continue;
      const double share = 1.0 / static_cast<double>(std::count_if(blocks.begin(), blocks.end(), is_replaced));
      add(distance_of(blocks[layer], x, target, settings, rows) * share);
    }
  });
}

StreamLoss stream_loss(const Model& student, const Model& teacher, const at::Tensor& ids, const LayerLoss& settings,
                       const Rows& rows) {
  StreamLoss out;
  std::vector<at::Tensor> stream;
  const auto keep = [&](int64_t, TapPoint point, const at::Tensor& value) {
    if (point == TapPoint::block_output) stream.push_back(value);
  };
  {
    c10::NoGradGuard no_grad;
    out.teacher_hidden = teacher.hidden(ids, rows, keep);
  }
  out.hidden = student.hidden(ids, rows, [&](int64_t layer, TapPoint point, const at::Tensor& value) {
    if (point != TapPoint::block_output) return;
    const at::Tensor term = layer_distance(value, stream[static_cast<size_t>(layer)], settings.distance);
    out.distance = out.distance.defined() ? out.distance + term : term;
  });
  out.distance = out.distance / static_cast<double>(stream.size());
  return out;
}

std::vector<double> layer_errors(const Model& student, const Model& teacher, const at::Tensor& ids,
                                 const LayerLoss& settings) {
  c10::NoGradGuard no_grad;
  std::vector<double> out(student.blocks().size(), 0.0);
  for_layers(teacher, ids, settings, {}, [&](size_t layer, const at::Tensor& x, const Outputs& target) {
    const Block& block = student.blocks()[layer];
    if (is_replaced(block)) out[layer] = distance_of(block, x, target, settings, {}).item<double>();
  });
  return out;
}

bool same_layers(const ModelConfig& teacher, const ModelConfig& student) {
  return teacher.layers() == student.layers() && teacher.hidden == student.hidden;
}

void check_same_layers(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder) {
  if (same_layers(teacher, student)) return;
  fail_input(folder, ": layer by layer a student needs its teacher's ", teacher.layers(), " layers of width ",
             teacher.hidden, ", found ", student.layers(), " of width ", student.hidden,
             "; use --loss kl with --layer-weight 0, or the model that it was converted from as --teacher");
}

void check_same_heads(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder) {
  const auto heads = [](const MixerConfig& mixer) { return mixer->heads(); };
  for (size_t layer = 0; layer < student.mixers.size(); ++layer) {
    if (heads(teacher.mixers[layer]) == heads(student.mixers[layer])) continue;
    fail_input(folder, ": layer_match matrix needs the teacher's ", heads(teacher.mixers[layer]), " heads in layer ",
               layer, ", found ", heads(student.mixers[layer]), "; use --layer-match mixer");
  }
}

void check_replaced_layers(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder) {
  check_same_layers(teacher, student, folder);
  const auto kept = [](const MixerConfig& mixer) { return !mixer->converted(); };
  if (std::all_of(student.mixers.begin(), student.mixers.end(), kept)) {
    fail_input(folder, ": expected a layer that is MLA or Mamba2, found attention only");
  }
}

}  // namespace zebra
