#pragma once
// Structured pruning by activations (Minitron; Muralidharan et al. 2024): a smaller Transformer of the same family that
// keeps the hidden channels, MLP neurons, heads and layers that calibration text uses most; distillation repairs it.
// L layers, D hidden width, F MLP width, H heads, K kv heads.
#include <functional>
#include <vector>

#include "upcycle/calibration.h"

namespace zebra {

// Widths to keep; 0 = the teacher's.
struct PruneTarget {
  int64_t hidden = 0, intermediate = 0, heads = 0, kv_heads = 0, layers = 0;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("hidden", hidden, "hidden channels to keep (default: all)");
    visit("intermediate", intermediate, "MLP neurons of a layer to keep (default: all)");
    visit("heads", heads, "query heads of a layer to keep (default: all, or as many per kv head as before)");
    visit("kv_heads", kv_heads,
          "key and value heads of a layer to keep, with heads of their own groups (default: all)");
    visit("layers", layers, "layers to keep (default: all)");
  }
};

// With the teacher's numbers in place of zeros; Error(usage) names the flag of a number that does not fit.
PruneTarget complete(PruneTarget target, const ModelConfig& teacher);
// The pruned model's config, a Hugging Face folder of the teacher's family; head_dim stays. The first layers stand for
// those that will be kept (only their attention windows can differ).
ModelConfig plan_pruned(const ModelConfig& teacher, const PruneTarget& target);

// What calibration text says about every part, larger = kept. Activations are averaged over a row's tokens
// (magnitudes), and the means of rows are joined by their root mean square, as Minitron's ablations like best.
struct Importance {
  struct Layer {
    at::Tensor first_norm, second_norm;      // [D]: |output of the norm| before mixer and MLP
    at::Tensor first_square, second_square;  // [D]: mean squares of what goes into these norms
    at::Tensor neurons;                      // [F]: |activation before down_proj|
    at::Tensor heads;                        // [H]: norm of the head's output before o_proj
    double influence = 0;                    // 1 - mean cosine of the layer's input and output (ShortGPT)
  };
  std::vector<Layer> layers;
  at::Tensor last_norm, last_square;  // [D]: of the final norm
};

// One pass, a layer at a time in memory, over calibration rows; all results in fp64 on the CPU.
Importance measure_importance(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                              at::Device device, const std::function<void(int64_t done)>& each_layer);

// How much the KL to the teacher rises when a layer alone is dropped: [L]. Holds the whole model.
std::vector<double> drop_scores(Model& teacher, const at::Tensor& ids, const std::function<void(int64_t done)>& each);

// What stays, ascending. Heads are per kept layer and stand in groups: heads of one kv head are neighbours.
struct PruneChoice {
  std::vector<int64_t> layers, channels;
  std::vector<std::vector<int64_t>> neurons, heads, kv_heads;  // per kept layer
};
// `layer_scores` [L]: largest are kept. A kv head counts as all its heads together; within it the best heads stay.
PruneChoice choose_parts(const Importance& importance, const std::vector<double>& layer_scores,
                         const ModelConfig& teacher, const PruneTarget& target);

// Every tensor of the pruned model in the order of parameter_plan(). Norm weights are multiplied by the ratio of the
// kept channels' root mean square to that of all, so that outputs of norms keep their size.
void write_pruned(const WeightSource& source, const ModelConfig& teacher, const ModelConfig& pruned,
                  const PruneChoice& choice, const Importance& importance,
                  const std::function<void(const std::string& name, const at::Tensor& value)>& sink);

}  // namespace zebra
