#pragma once
// One pass over the teacher's layers that makes a student: load a layer, measure it, initialise the new mixer, refit
// its output projection on the student's own stream, hand the tensors on, advance both streams. At no time is more than
// one layer in memory. Layers that a hybrid teacher has converted already go into the student as they are.
#include <functional>
#include <optional>

#include "upcycle/calibration.h"
#include "upcycle/measure.h"
#include "upcycle/plan.h"

namespace zebra {

using FrequencyPairs = std::vector<int64_t>;

constexpr const char* kTeacherActivations = "the teacher's activations on the calibration text";  // what is not finite

struct ConversionRequest {
  const WeightSource& source;
  const ModelConfig& teacher;
  ModelConfig student;
  MlaIdeas mla = parse_mla_ideas("refined", "");
  Mamba2Ideas mamba2 = parse_mamba2_ideas("refined", "");
  RefitPlan refit;
  uint64_t seed = 0;                               // of random parts
  const Calibration* calibration = nullptr;        // required unless all is reference
  StatisticsOf statistics;                         // of its fitted rows; null: measured layer by layer
  std::vector<std::vector<FrequencyPairs>> pairs;  // per layer: candidates of an MLA layer (refined)
  at::Device device = at::kCPU;
  std::function<void(int64_t done)> each_layer;  // progress; may be null

  // The attention that a new mixer replaces in this layer; null where the student inherits the teacher's mixer.
  const AttentionConfig* replaced(int64_t layer) const;
};

struct LayerReport {
  std::string mixer;            // MixerFacts::kind()
  bool inherited = false;       // converted by the teacher already
  std::optional<double> error;  // |stream - teacher's stream|^2 / |teacher's mixer output|^2 after this mixer, held out
};

struct ConversionReport {
  std::vector<LayerReport> layers;
  std::optional<double> kl;  // held out, nats per token
  ModelConfig student;       // with the frequencies that were chosen
};

using TensorSink = std::function<void(const std::string& name, const at::Tensor& value)>;

// `sink` receives every tensor of the student in the order of student_tensors(); it may be null (scoring only).
ConversionReport run_conversion(const ConversionRequest& request, const TensorSink& sink);

// What the student's folder will hold.
std::vector<WeightWriter::Entry> student_tensors(const WeightSource& source, const ModelConfig& teacher,
                                                 const ModelConfig& student);

}  // namespace zebra
