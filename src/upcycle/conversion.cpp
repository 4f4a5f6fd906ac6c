#include "upcycle/conversion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "layers/mla.h"
#include "layers/parameters.h"
#include "model/describe.h"
#include "model/finite.h"
#include "upcycle/held_out_kl.h"
#include "upcycle/mamba2_reference.h"
#include "upcycle/mamba2_refined.h"
#include "upcycle/mla_reference.h"
#include "upcycle/mla_refined.h"
#include "upcycle/refit.h"
#include "upcycle/rope_table.h"
#include "upcycle/streams.h"

namespace zebra {

namespace {

constexpr int64_t kSearchTokens = 4096;  // of the memory search and of comparing frequency choices

constexpr const char* kActivations = "the teacher's activations on the calibration text";

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
    std::unique_ptr<Mixer> mixer;  // null: the teacher's is inherited, whatever it is
    if (request_.replaced(layer)) {
      // What is replaced is not written, and so looked through here.
      block.mixer->parameters(cat(layer_prefix(layer), ".", block.mixer_key), check_finite);
      const bool copied = request_.makes_mla(layer) ? request_.mla.reference : request_.mamba2.reference;
      mixer = copied ? reference(block, layer) : refined(block, layer);
    }
    LayerReport report;
    report.mixer = student_config_.mixers[static_cast<size_t>(layer)]->kind();
    report.inherited = !mixer && report.mixer != "attention";
    if (streams_) report.error = streams_->advance(block, mixer.get());
    report_.layers.push_back(report);
    write(layer, mixer.get());
    teacher_.drop(layer);
  }

  std::unique_ptr<Mixer> reference(Block& block, int64_t layer) {
    const auto& config = student_config_.mixers[static_cast<size_t>(layer)];
    auto attention = read_attention(*block.mixer, parent(layer));
    // AMD's Zebra-Llama loads the parent in bfloat16, X-EcoMLA as it is stored.
    if (student_config_.format == Format::zebra_llama) round_to_bfloat16(attention);
    const auto weights = config.is<MlaConfig>()
                             ? reference_mla(attention, config.get<MlaConfig>())
                             : reference_mamba2(attention, config.get<Mamba2Config>(), request_.seed, layer);
    auto mixer = build_mixer(config, weights, options_);
    refit(block, *mixer);
    return mixer;
  }

  std::unique_ptr<Mixer> refined(Block& block, int64_t layer) {
    auto& config = student_config_.mixers[static_cast<size_t>(layer)];
    auto attention = read_attention(*block.mixer, parent(layer));
    const auto statistics =
        request_.statistics ? request_.statistics(layer) : observe(*streams_, block, attention.config);
    if (!all_finite(statistics.second)) fail_not_finite(request_.source, kActivations);
    fold_head_norms(attention, statistics.second);
    if (auto* mla = config.as<MlaConfig>()) return refined_mla_layer(block, attention, statistics, *mla, layer);
    const auto weights = refined_mamba2(attention, statistics, config.get<Mamba2Config>(), head_sample(block),
                                        request_.mamba2, request_.seed, layer);
    auto mixer = build_mixer(config, weights, options_);
    refit(block, *mixer);
    return mixer;
  }

  // With several candidate frequency sets: the one with the smallest held-out error behind the mixer.
  std::unique_ptr<Mixer> refined_mla_layer(const Block& block, const TeacherAttention& attention,
                                           const LayerStatistics& statistics, MlaConfig& config, int64_t layer) {
    const auto& candidates = request_.pairs[static_cast<size_t>(layer)];
    const auto build = [&](const FrequencyPairs& pairs) {
      MlaConfig chosen = config;
      chosen.rope = with_frequencies(config.rope, attention.frequencies, pairs);
      return std::pair(chosen,
                       build_mixer(chosen, refined_mla(attention, statistics, chosen, pairs, request_.mla), options_));
    };
    size_t best = 0;
    double best_error = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < candidates.size() && candidates.size() > 1; ++i) {
      const auto mixer = build(candidates[i]).second;
      refit(block, *mixer, kSearchTokens);
      const double error = held_out_error(block, *mixer);
      if (error < best_error) best = i, best_error = error;
    }
    auto [chosen, mixer] = build(candidates[best]);
    config = chosen;
    refit(block, *mixer);
    return std::move(mixer);
  }

  HeadSample head_sample(const Block& block) const {
    const int64_t length = calibration()->ids.size(1);
    const int64_t rows = std::clamp<int64_t>(kSearchTokens / length, 1, calibration()->fitted());
    const auto inputs = streams_->teacher_input(block, 0, rows);
    return {inputs, block.mixer->inner(inputs)};
  }

  // Refits the output projection on up to `tokens` calibration tokens, if the plan wants it for this mixer.
  void refit(const Block& block, Mixer& mixer, int64_t tokens = std::numeric_limits<int64_t>::max()) const {
    const bool on = dynamic_cast<const Mla*>(&mixer) ? request_.refit.mla : request_.refit.mamba2;
    if (!on || !streams_) return;
    OutputRefit fit;
    int64_t seen = 0;
    streams_->batches(true, [&](int64_t first, int64_t rows) {
      if (seen >= tokens) return;
      seen += rows * calibration()->ids.size(1);
      const auto output = block.mixer->forward(streams_->teacher_input(block, first, rows));
      const auto input = request_.refit.on_student ? streams_->student_input(block, first, rows)
                                                   : streams_->teacher_input(block, first, rows);
      fit.see(mixer.inner(input), request_.refit.on_student ? streams_->wanted(output, first, rows) : output);
    });
    auto& projection = mixer.output_projection();
    projection.weight.copy_(fit.solve(projection.weight));
  }

  double held_out_error(const Block& block, const Mixer& mixer) const {
    const int64_t length = calibration()->ids.size(1), first = calibration()->fitted();
    const int64_t rows = std::clamp<int64_t>(kSearchTokens / length, 1, calibration()->held_out);
    const auto output = block.mixer->forward(streams_->teacher_input(block, first, rows));
    const auto made = mixer.forward(streams_->student_input(block, first, rows));
    return (made - streams_->wanted(output, first, rows)).square().sum(at::kDouble).item<double>();
  }

  const AttentionConfig& parent(int64_t layer) const { return *request_.replaced(layer); }

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
      if (!all_finite(teacher)) fail_not_finite(request_.source, kActivations);
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
  const auto index = static_cast<size_t>(layer);
  if (student.mixers[index].is<AttentionConfig>()) return nullptr;
  return teacher.mixers[index].as<AttentionConfig>();
}

bool ConversionRequest::makes_mla(int64_t layer) const {
  return replaced(layer) && student.mixers[static_cast<size_t>(layer)].is<MlaConfig>();
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
  const auto& mixers = teacher.mixers;
  const auto first =
      std::find_if(mixers.begin(), mixers.end(), [](const MixerConfig& mixer) { return mixer.is<AttentionConfig>(); });
  if (first == mixers.end()) fail(ErrorKind::runtime, "the teacher has no attention left to convert");
  const auto stored = source.dtype(layer_prefix(first - mixers.begin()) + ".self_attn.q_proj.weight");
  shapes.parameters([&](const Parameter& parameter, const at::Tensor& value) {
    const std::string& name = parameter.name;
    const auto dtype = inherited.count(name) ? source.dtype(name) : parameter_dtype(parameter.role, stored);
    plan.push_back({name, value.sizes().vec(), dtype});
  });
  return plan;
}

}  // namespace zebra
