#pragma once
// Intermediate-layer distillation (Zebra-Llama section 3.2; the hidden-state stage of MOHAWK): every student layer gets
// the teacher's own input of that layer and learns the teacher's output, so errors do not pile up and the layers train
// independently. B batch, L length, D hidden.
#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "model/model.h"

namespace zebra {

struct LayerLoss {
  std::string distance = "relative";  // relative = |s - t|^2 / |t|^2; norm = |s - t| per token (AMD's); cosine
  // mixer = output of what replaced attention; block = of the layer; both; matrix = how tokens mix in it
  // (Mixer::mixing; MOHAWK's first stage, Bick et al. 2024, section 4.1).
  std::string match = "mixer";

  template <class Visit>
  void fields(Visit&& visit) {
    visit("layer_distance", distance, "of layers' outputs: relative (squared error), norm (AMD's) or cosine");
    visit("layer_match", match,
          "loss layers: mixer output, block output, both, or matrix = how tokens mix (MOHAWK; short rows)");
  }
  void check() const;  // Error(usage)
};

// Distance of student s to teacher t, both [B, L, D]: a scalar that no direction of scaling the stream changes for
// relative and cosine; `norm` grows with it, so deep layers weigh more.
at::Tensor layer_distance(const at::Tensor& s, const at::Tensor& t, const std::string& distance);

struct LayerStudent {
  const Model& model;
  std::function<void(const at::Tensor& term)> add;
};

// Hands each student the mean over its replaced layers, layer by layer: the teacher runs once for all of them, and one
// layer's graph is alive at a time. Layers that are attention in a student too have nothing to learn and are left out.
void layer_losses(const std::vector<LayerStudent>& students, const Model& teacher, const at::Tensor& ids,
                  const LayerLoss& settings, const Rows& rows = {});

// The student's final hidden states [B, L, D] on its own stream, and the mean distance of its layers' outputs from the
// teacher's: more to learn from a token than its last distribution (`match` is not asked).
struct StreamLoss {
  at::Tensor hidden, teacher_hidden;  // behind the final norm, [B, L, D]
  at::Tensor distance;                // mean over layers
};
StreamLoss stream_loss(const Model& student, const Model& teacher, const at::Tensor& ids, const LayerLoss& settings,
                       const Rows& rows = {});

// The distances themselves, one per layer (0 where attention was kept); no gradient.
std::vector<double> layer_errors(const Model& student, const Model& teacher, const at::Tensor& ids,
                                 const LayerLoss& settings);

// As many layers of the same width.
bool same_layers(const ModelConfig& teacher, const ModelConfig& student);
// Error(input) unless they have; `folder` is the student's.
void check_same_layers(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder);
// Error(input) unless each of them has as many heads, too.
void check_same_heads(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder);
// Error(input) unless, besides, some layer was replaced.
void check_replaced_layers(const ModelConfig& teacher, const ModelConfig& student, const std::string& folder);

}  // namespace zebra
