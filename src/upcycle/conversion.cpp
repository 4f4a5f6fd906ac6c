#include "upcycle/conversion.h"

#include <cmath>
#include <set>

#include "base/error.h"
#include "layers/parameters.h"
#include "model/finite.h"
#include "upcycle/held_out_kl.h"
#include "upcycle/inherited.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/start.h"
#include "upcycle/streams.h"

namespace zebra {

namespace {

const at::TensorOptions kShapesOnly = at::TensorOptions().dtype(at::kFloat).device(at::kMeta);

class Conversion {
 public:
  Conversion(const ConversionRequest& request, const TensorSink& sink)
      : request_(request),
        sink_(sink),
        student_config_(request.student),
        teacher_(request.source, request.teacher, request.device),
        options_(at::TensorOptions().dtype(at::kFloat).device(request.device)) {}

  ConversionReport run() {
    const c10::InferenceMode inference;
    begin();
    for (int64_t layer = 0; layer < request_.teacher.layers(); ++layer) {
      convert_layer(layer);
      if (request_.each_layer) request_.each_layer(layer + 1);
    }
    finish();
    unify_tables(student_config_);
    report_.student = student_config_;
    return std::move(report_);
  }

 private:
  const Calibration* calibration() const { return request_.calibration; }
  void put(const std::string& name, const at::Tensor& value) const {
    if (sink_) sink_(name, value);
  }

  void begin() {
    const auto embedding = request_.source.get("model.embed_tokens.weight");
    if (calibration()) streams_.emplace(*calibration(), embedding, request_.device);
    put("model.embed_tokens.weight", embedding);
  }

  void convert_layer(int64_t layer) {
    auto& block = teacher_.load(layer);
    MixerConfig& config = student_config_.mixers[static_cast<size_t>(layer)];
    std::unique_ptr<Mixer> mixer;  // null: the teacher's is inherited, whatever it is
    if (request_.replaced(layer)) {
      // What is replaced is not written, and so looked through here.
      block.mixer->parameters(cat(layer_prefix(layer), ".", block.mixer_key), check_finite);
      const Start& start = start_of(config->kind());
      mixer =
          start.make({request_, streams_ ? &*streams_ : nullptr, block, layer, start.refits(request_.refit)}, config);
    }
    LayerReport report;
    report.mixer = config->kind();
    report.inherited = !mixer && config->converted();
    if (streams_) report.error = streams_->advance(block, mixer.get());
    report_.layers.push_back(report);
    write(layer, mixer.get());
    teacher_.drop(layer);
  }

  // Inherited tensors go from file to file as they are; `mixer` null: the teacher's is inherited as well.
  void write(int64_t layer, Mixer* mixer) {
    if (!sink_) return;
    auto& block = teacher_[layer];
    const std::string prefix = layer_prefix(layer);
    const auto copy = [&](const std::string& name, const at::Tensor&) { put(name, request_.source.get(name)); };
    copy(prefix + ".input_layernorm.weight", {});
    if (mixer) {
      const std::string key = student_config_.mixers[static_cast<size_t>(layer)]->key();
      mixer->parameters(prefix + "." + key, [&](const std::string& name, at::Tensor& value) { put(name, value); });
    } else {
      block.mixer->parameters(cat(prefix, ".", block.mixer_key), copy);
    }
    copy(prefix + ".post_attention_layernorm.weight", {});
    block.mlp.parameters(prefix + ".mlp", copy);
  }

  void finish() {
    const auto norm = request_.source.get("model.norm.weight");
    put("model.norm.weight", norm);
    if (request_.teacher.tied && !streams_) return;
    const auto head = request_.source.get(request_.teacher.tied ? "model.embed_tokens.weight" : "lm_head.weight");
    if (streams_) {
      const auto [teacher, student] = streams_->held_out({norm.to(options_), request_.teacher.norm_eps});
      report_.kl = streamed_kl(teacher, student, head.to(request_.device));
      if (!all_finite(teacher)) fail_not_finite(request_.source, kTeacherActivations);
      if (!std::isfinite(*report_.kl)) {
        for (const auto& name : {"model.norm.weight", "lm_head.weight", "model.embed_tokens.weight"}) {
          if (request_.source.has(name)) check_finite(name, request_.source.get(name));
        }
        fail(ErrorKind::runtime,
             "the student's outputs on the calibration text are not finite; choose other ranks, or "
             "--mla-init and --mamba2-init plain");
      }
    }
    if (!request_.teacher.tied) put("lm_head.weight", head);
  }

  const ConversionRequest& request_;
  const TensorSink& sink_;
  ModelConfig student_config_;
  TeacherBlocks teacher_;
  at::TensorOptions options_;
  std::optional<Streams> streams_;
  ConversionReport report_;
};

}  // namespace

const AttentionConfig* ConversionRequest::replaced(int64_t layer) const {
  return student.mixers[static_cast<size_t>(layer)]->converted() ? attention_in(teacher, layer) : nullptr;
}

ConversionReport run_conversion(const ConversionRequest& request, const TensorSink& sink) {
  return Conversion(request, sink).run();
}

std::vector<WeightWriter::Entry> student_tensors(const WeightSource& source, const ModelConfig& teacher,
                                                 const ModelConfig& student) {
  std::vector<WeightWriter::Entry> plan;
  Model shapes(student, kShapesOnly);
  Model parent(teacher, kShapesOnly);
  std::set<std::string> inherited;
  parent.parameters([&](const std::string& name, const at::Tensor&) { inherited.insert(name); });
  // New tensors are stored like the attention they replace; its layers share their dtypes.
  int64_t first = 0;
  while (first < teacher.layers() && !attention_in(teacher, first)) ++first;
  if (first == teacher.layers()) fail(ErrorKind::runtime, "the teacher has no attention left to convert");
  const auto stored = source.dtype(layer_prefix(first) + ".self_attn.q_proj.weight");
  shapes.parameters([&](const Parameter& parameter, const at::Tensor& value) {
    const std::string& name = parameter.name;
    const auto dtype = inherited.count(name) ? source.dtype(name) : parameter_dtype(parameter.role, stored);
    plan.push_back({name, value.sizes().vec(), dtype});
  });
  return plan;
}

}  // namespace zebra
