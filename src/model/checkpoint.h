#pragma once
// Checkpoint folders: what they say (config), what they hold (weights), and how they are written.
#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "io/tensor_view.h"
#include "model/config_files.h"
#include "model/model.h"

namespace zebra {

// The tensors of a folder by name, whatever it is made of: model.safetensors, sharded with an index,
// or zip-format pytorch_model.bin (also sharded). No tensor's data are read before they are asked for.
class WeightSource {
 public:
  static std::unique_ptr<WeightSource> open(const fs::path& folder);
  virtual ~WeightSource() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual bool has(const std::string& name) const = 0;
  virtual std::vector<int64_t> shape(const std::string& name) const = 0;
  virtual at::ScalarType dtype(const std::string& name) const = 0;
  virtual at::Tensor get(const std::string& name) const = 0;  // a copy in the stored dtype
  const std::string& where() const { return where_; }         // for error messages

 protected:
  std::string where_;
};

// Fills one parameter set (a block, a mixer, a model) from `source`; every name must be there with the right shape.
// A parameter keeps its dtype and goes to the device of `options`; `source` must outlive the visitor.
ParameterVisitor loading_visitor(const WeightSource& source, at::TensorOptions options);

// Every parameter of such a model is there with its shape and nothing is there besides (rotary buffers and the
// redundant head of a tied model aside); Error(input) names the tensor, what was expected and what was found.
void check_weights(const WeightSource& source, const ModelConfig& config);

// The whole model in `options`' dtype and device; missing and surplus tensors are errors (rotary inv_freq buffers
// aside).
Model load_model(const fs::path& folder, at::TensorOptions options = at::kFloat);
void initialise_random(Model& model, uint64_t seed, double std = 0.02);
// One parameter by its checkpoint name: norms and D 1, biases 0, A_log, dt_bias and the convolution as Mamba2 is
// usually initialised, matrices normal. `stream` tells parameters of one seed apart.
void initialise_parameter(Role role, at::Tensor& value, uint64_t seed, uint64_t stream, double std = 0.02);

// Streams tensors into model.safetensors, sharded with an index above `shard_bytes`.
class WeightWriter {
 public:
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    at::ScalarType dtype;
  };
  WeightWriter(const fs::path& folder, std::vector<Entry> plan, size_t shard_bytes = size_t{5} << 30);
  ~WeightWriter();
  // In plan order; cast to the planned dtype. Error if it holds values that are infinite or NaN, there or then.
  void put(const std::string& name, const at::Tensor& value);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Name, shape and stored dtype of every parameter of such a model, in the order in which files hold them; allocates
// nothing. Norms, A_log, D and dt_bias are stored as fp32 (layers/parameters.h).
std::vector<WeightWriter::Entry> parameter_plan(const ModelConfig& config);

// Config and weights of `model` into `folder` (inside an OutputFolder), in its config's format and dtype.
void save_model(const fs::path& folder, Model& model);
// Tokenizer, generation config, chat template: everything a folder carries beside weights and configs.
void copy_companions(const fs::path& from, const fs::path& to);

}  // namespace zebra
