#include "train/cost.h"

#include <algorithm>
#include <set>
#include <string>

#include "model/checkpoint.h"
#include "train/freeze.h"
#include "train/length_stages.h"

namespace zebra {

namespace {

double numel(const WeightWriter::Entry& entry) {
  double count = 1;
  for (const int64_t dim : entry.shape) count *= static_cast<double>(dim);
  return count;
}

// Covariances and bases (train/soap.h), and what the step of one batch of matrices holds.
double soap_bytes(const ModelConfig& model, const std::set<std::string>& frozen) {
  double bytes = 0, entries = 0;
  Model shapes(model, at::TensorOptions().device(at::kMeta));
  shapes.parameters([&](const Parameter& parameter, const at::Tensor& value) {
    if (frozen.count(parameter.name) || !is_whole_matrix(parameter.role)) return;
    entries += static_cast<double>(value.numel());
    const int64_t shorter = std::min(value.size(0), value.size(1));
    for (const int64_t n : value.sizes()) bytes += soap_turns(n, shorter) ? 8.0 * static_cast<double>(n * n) : 0;
  });
  return bytes + 20 * std::min(entries, static_cast<double>(kWholeBatch));
}

// Of the model that learns, in passes of so many tokens, and the weights of the one it is held to.
TrainingMemory memory_of(const TrainSettings& train, const ModelConfig& model, const std::set<std::string>& frozen,
                         int64_t pass_tokens, const ModelConfig* held_to) {
  const double low = train.dtype == "bf16" ? 2 : 0;
  double fixed = 0;  // parameters that only compute
  for (const auto& entry : parameter_plan(model)) fixed += frozen.count(entry.name) ? numel(entry) : 0;
  const double trained = static_cast<double>(parameter_count(model)) - fixed;
  TrainingMemory memory;
  memory.weights = (4 + low) * trained + (low > 0 ? low : 4) * fixed;
  memory.gradients = (4 + low) * trained;
  memory.moments = 8 * trained + (train.optimizer == "soap" ? soap_bytes(model, frozen) : 0);
  memory.activations = activation_bytes(model, pass_tokens, train.checkpointing);
  if (held_to) memory.teacher = (low > 0 ? 2 : 4) * static_cast<double>(parameter_count(*held_to));
  return memory;
}

// Forward, backward, and the layers' forward once more where it is not kept. Where layers learn alone, one is kept.
double learning_flops(const TrainSettings& train, const ModelConfig& model, int64_t length, bool head) {
  return 3 * forward_flops(model, length, head) +
         (train.checkpointing && head ? forward_flops(model, length, false) : 0);
}

// Lengths of rows and their parts of the run.
auto lengths_of(const DistillOptions& options) {
  auto stages = parse_length_stages(options.lengths);
  if (stages.empty()) stages = {{options.train.length, 1}};
  return stages;
}

}  // namespace

int64_t parameter_count(const ModelConfig& config) {
  double count = 0;
  for (const auto& entry : parameter_plan(config)) count += numel(entry);
  return static_cast<int64_t>(count);
}

double forward_flops(const ModelConfig& config, int64_t length, bool head) {
  double flops = head ? 2.0 * static_cast<double>(config.vocab * config.hidden) : 0;
  for (const auto& entry : parameter_plan(config)) {
    const bool in_layer = entry.name.rfind("model.layers.", 0) == 0;
    if (in_layer && entry.shape.size() == 2) flops += 2 * numel(entry);
  }
  for (const auto& mixer : config.mixers) flops += mixer->flops(static_cast<double>(length + 1) / 2);
  return flops;
}

double teacher_flops(const DistillOptions& options, const ModelConfig& teacher) {
  const bool samples = !options.data.empty() && options.data.front() == "sample";
  double flops = samples ? forward_flops(teacher, options.train.length) : 0;
  for (const auto& [length, part] : lengths_of(options)) {
    flops += part * forward_flops(teacher, length, options.loss == "kl");
  }
  return flops;
}

double training_flops(const DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student) {
  double flops = teacher_flops(options, teacher);
  for (const auto& [length, part] : lengths_of(options)) {
    // On its own text the student runs once more to write it.
    flops += part * options.on_policy * forward_flops(student, length);
    flops += part * learning_flops(options.train, student, length, options.loss == "kl");
  }
  return flops;
}

void TrainingMemory::add_student(const TrainingMemory& other) {
  weights += other.weights, gradients += other.gradients, moments += other.moments;
  activations = std::max(activations, other.activations), teacher = std::max(teacher, other.teacher);
}

TrainingMemory training_memory(const DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student) {
  const TrainSettings& train = options.train;
  TrainingMemory memory =
      memory_of(train, student, frozen_parameters(student, options.freeze), train.micro_tokens, &teacher);
  if (options.loss == "layers") {
    memory.activations = activation_bytes(student, train.micro_tokens) / double(student.layers());
    if (options.layer.match == "matrix") {
      constexpr double kMatrices = 9;  // of both models and on the way to their distance, fp32
      const int64_t heads = student.mixers.front()->heads();
      memory.activations += 4 * kMatrices * static_cast<double>(heads * train.length * train.micro_tokens);
    }
  }
  const double hidden = 2.0 * static_cast<double>(train.tokens * teacher.hidden);
  const bool seen_twice = options.data.empty() || options.data.front() != "sample" || options.samples > 0;
  if (options.loss == "kl" && seen_twice) memory.teacher += std::min(options.cache_gib * double{1 << 30}, hidden);
  return memory;
}

double training_flops(const AlignOptions& options, const ModelConfig& model, const ModelConfig* held_to) {
  const int64_t length = options.train.length;
  return learning_flops(options.train, model, length, true) + (held_to ? forward_flops(*held_to, length) : 0);
}

TrainingMemory training_memory(const AlignOptions& options, const ModelConfig& model, const ModelConfig* held_to) {
  const int64_t rows = options.micro * (options.method == "dpo" ? 2 : 1);
  return memory_of(options.train, model, {}, rows * options.train.length, held_to);
}

}  // namespace zebra
