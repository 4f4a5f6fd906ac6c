#pragma once
// AdamW (and, where asked, Muon or SOAP for matrices) over all parameters of a model at once. Weights, gradients and
// moments each lie in one flat fp32 tensor, sorted by group, so that a step, the norm and the clipping are a few large
// operations however many tensors a model has.
#include <ATen/ATen.h>

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "layers/mixer.h"
#include "ops/adamw.h"
#include "train/soap.h"

namespace zebra {

enum class MatrixStep { adamw, muon, soap };

struct OptimizerSettings {
  double lr = 1e-3;            // new mixers
  double lr_inherited = 2e-4;  // everything that came trained
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0;                  // of matrices; vectors (norms, biases, A_log ...) never decay
  MatrixStep matrices = MatrixStep::adamw;  // of matrices other than embedding and head; rates mean the same
  double clip = 1;                          // largest global norm of the gradient; 0 = no limit
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Whether Muon and SOAP step a parameter as a whole: projections, but neither the tables of the vocabulary nor filters.
bool is_whole_matrix(Role role);
// At most so many entries of them step together: a step holds a few copies of its batch.
constexpr int64_t kWholeBatch = int64_t{1} << 26;

class Optimizer {
 public:
  using EachParameter = std::function<void(const ParameterVisitor& visit)>;
  using IsNew = std::function<bool(const std::string& name)>;

  // Replaces every parameter that `each` visits by a leaf of the autograd graph: fp32 ones are views of the flat
  // weights, others of a flat copy in their own dtype, made again after every step from the fp32 weights kept here.
  Optimizer(EachParameter each, const IsNew& is_new, OptimizerSettings settings);

  void zero_grad();
  // After each backward pass: adds low-precision gradients to the fp32 sum.
  void collect_grad();

  struct Step {
    double grad_norm = 0;  // before clipping
    bool skipped = false;
  };
  // One step with both rates multiplied by `factor`. A non-finite loss or norm changes nothing but skipped().
  Step step(double loss, double factor);

  int64_t updates() const { return updates_; }  // steps that changed the weights
  int64_t skipped() const { return skipped_; }
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }

  // Views by parameter name, in the order of visiting.
  NamedTensors weights() const { return named(weights_); }
  NamedTensors first_moments() const { return named(m_); }
  NamedTensors second_moments() const { return named(v_); }
  NamedTensors bases() const;  // SOAP's covariances, and the bases that its moments are in
  // Continues a run: the tensors behind the four above were overwritten by the caller.
  void restore(int64_t updates, int64_t skipped, int64_t skipped_in_a_row);
  // The parameters become the fp32 weights, without gradients, so that the model can be saved.
  void release();

 private:
  struct Slice {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset = 0, count = 0;
    int group = 0;  // new or inherited; which step
  };
  // Matrices of one group and shape that step together: [count, R, C] in the flat tensors.
  struct Batch {
    int group = 0;
    std::vector<std::string> names;
    std::vector<int64_t> shape;
    int64_t offset = 0;
    SoapState soap;
  };
  int64_t place_batches(int group, int64_t offset);  // returns the end
  at::Tensor part(const at::Tensor& flat, const Slice& slice) const;
  at::Tensor part(const at::Tensor& flat, const Batch& batch) const;
  NamedTensors named(const at::Tensor& flat) const;
  void refresh_low();
  void whole_step(const Batch& batch, const ops::AdamWStep& step);

  EachParameter each_;
  OptimizerSettings settings_;
  std::vector<Slice> slices_;
  std::array<int64_t, 7> bounds_{};  // of the groups in the flat tensors
  std::vector<Batch> batches_;
  at::Tensor weights_, grad_, m_, v_;
  at::Tensor low_, low_grad_;  // laid out as the weights; undefined where all parameters are fp32
  int64_t updates_ = 0, skipped_ = 0, skipped_in_a_row_ = 0;
};

}  // namespace zebra
