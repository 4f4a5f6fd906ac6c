#include "upcycle/mla_start.h"

#include <limits>
#include <map>

#include "base/error.h"
#include "layers/rope.h"
#include "upcycle/mla_reference.h"
#include "upcycle/mla_refined.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/mla_shape.h"

namespace zebra {

namespace {

constexpr int64_t kSearchTokens = 4096;  // of comparing frequency choices
constexpr const char* kNotMla = "make it Mamba2, or keep it with --rest attention";
constexpr const char* kAlike = "one folder's tables differ in frequencies only: begin as that layer did";

using Type = RopeConfig::Type;

const char* name_of(Type type) {
  switch (type) {
    case Type::linear:
      return "linear";
    case Type::dynamic:
      return "dynamic";
    case Type::llama3:
      return "llama3";
    case Type::yarn:
      return "yarn";
    default:
      return "default";
  }
}

// Where the reference initialisation puts a YaRN table in the place of the teacher's scaling, as AMD's scripts do.
bool scaling_replaced(const AttentionConfig& parent, const MlaConfig& mla) {
  const RopeConfig& rope = parent.rope;
  return rope.type != Type::standard && rope.factor != 1 && mla.rope.type == Type::yarn &&
         mla.rope.yarn == RopeConfig::Yarn::deepseek;
}

std::string layout_name(const RopeConfig& rope) {
  return rope.layout == RopeConfig::Layout::half ? "half" : "interleaved";
}

std::string scaling_text(const RopeConfig& rope) {
  const double scores = rope_attention_factor(rope) * rope_attention_factor(rope) * rope_softmax_factor(rope);
  return cat("rope_theta ", rope.theta, " with factor ", rope.factor, " and scores times ", scores);
}

void compare(const Comparison& layers, const MlaConfig& inherited, const MlaConfig& made) {
  layers.equal("--mla-layers", "num_attention_heads", inherited.heads, made.heads, kNotMla);
  layers.equal("--full-kv-head", "num_key_value_heads", inherited.kv_heads, made.kv_heads, kAsBefore);
  layers.equal("--lora-norm", "use_lora_layer_norm", inherited.lora_norm, made.lora_norm);
  layers.equal("--mla-layers", "attention_bias", int64_t{inherited.qkv_bias}, int64_t{made.qkv_bias}, kNotMla);
  layers.expect(inherited.rope.layout == made.rope.layout, "--mla-init", "rope_layout", layout_name(inherited.rope),
                layout_name(made.rope), "reference makes interleaved layers, all others half: begin as that layer did");
  layers.expect(share_table(inherited.rope, made.rope), "--mla-init", "RoPE", scaling_text(inherited.rope),
                scaling_text(made.rope), kAlike);
}

class MlaStart : public Start {
 public:
  const char* kind() const override { return MlaConfig::kKind; }
  const char* name() const override { return "MLA"; }

  MixerConfig shape(const StudentOptions& options, const AttentionConfig& parent, Format format,
                    int64_t layer) const override {
    if (parent.out_bias && !parent.qkv_bias) refuse_output_bias(layer, "an MLA");
    if (options.mla.reference) refuse_unknown_to_reference(parent, "--mla-init");
    return mla_shape(options, parent, format, layer);
  }

  void check_options(const StudentOptions& options, const std::set<int64_t>& made,
                     const ModelConfig& teacher) const override {
    const auto check = [&](const std::map<int64_t, int64_t>& widths, const char* flag, const char* what) {
      for (const auto& [layer, width] : widths) {
        if (layer >= 0 && layer < teacher.layers()) check_unconverted(teacher, layer, flag);
        if (made.count(layer)) continue;
        fail_usage(flag, ": layer ", layer, " (", what, " ", width, ") is not one of --mla-layers");
      }
    };
    check(options.rope_dims, "--rope-dims", "width");
    check(options.kv_ranks, "--kv-ranks", "rank");
    if (made.empty() && !options.rope_pairs.empty())
      fail_usage("--rope-pairs: no layer becomes MLA; name --mla-layers");
  }

  std::unique_ptr<Mixer> make(const LayerStart& start, MixerConfig& config) const override {
    auto& mla = config.get<MlaConfig>();
    if (!start.request().mla.reference) return refined(start, mla);
    auto mixer = start.build(mla, reference_mla(start.reference_attention(), mla));
    start.refit(*mixer);
    return mixer;
  }

  bool refits(const RefitPlan& plan) const override { return plan.mla; }
  bool is_reference(const StudentOptions& options) const override { return options.mla.reference; }
  bool fits_x_ecomla(const StudentOptions& options) const override { return options.mla.reference; }

  void check_beside(const Comparison& layers, const MixerConfig& inherited, const MixerConfig& made) const override {
    compare(layers, inherited.get<MlaConfig>(), made.get<MlaConfig>());
  }

  std::vector<std::string> losses(const AttentionConfig& parent, const ModelConfig& /*teacher*/,
                                  const MixerConfig& made) const override {
    if (!scaling_replaced(parent, made.get<MlaConfig>())) return {};
    return {cat("rotate by YaRN of the same factor in place of the teacher's ", name_of(parent.rope.type),
                " scaling, as AMD's scripts have it; --init refined keeps that")};
  }

  std::vector<GivenFlag> own_flags(const ConvertSettings& s) const override {
    return {{"--kv-rank", s.kv_rank != 0},
            {"--kv-ranks", !s.kv_ranks.empty()},
            {"--rope-dim", s.rope_dim != 0},
            {"--rope-dims", !s.rope_dims.empty()},
            {"--rope-pairs", !s.rope_pairs.empty()},
            {"--nope-dim", s.nope_dim != -1},
            {"--v-dim", s.v_dim != -1},
            {"--q-rank", !s.q_rank.empty()},
            {"--mla-init", !s.mla_init.empty()},
            {"--split", s.split != "fixed"},
            {"--rank", s.rank != "fixed"},
            {"--full-kv-head", s.full_kv_head},
            {"--lora-norm", s.lora_norm},
            {"--refit mla", s.refit == "mla"}};
  }
  const char* when_none() const override { return "no layer becomes MLA; name some with --mla-layers (1,3 or all)"; }

 private:
  // With several candidate frequency sets: the one with the smallest held-out error behind the mixer.
  static std::unique_ptr<Mixer> refined(const LayerStart& start, MlaConfig& config) {
    const auto [attention, statistics] = start.measured();
    const auto& candidates = start.request().pairs[static_cast<size_t>(start.layer())];
    const auto build = [&](const FrequencyPairs& pairs) {
      MlaConfig chosen = config;
      chosen.rope = with_frequencies(config.rope, attention.frequencies, pairs);
      return std::pair(chosen,
                       start.build(chosen, refined_mla(attention, statistics, chosen, pairs, start.request().mla)));
    };
    size_t best = 0;
    double best_error = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < candidates.size() && candidates.size() > 1; ++i) {
      const auto mixer = build(candidates[i]).second;
      start.refit(*mixer, kSearchTokens);
      const double error = start.held_out_error(*mixer);
      if (error < best_error) best = i, best_error = error;
    }
    auto [chosen, mixer] = build(candidates[best]);
    config = chosen;
    start.refit(*mixer);
    return std::move(mixer);
  }
};

}  // namespace

bool becomes_mla(const ConversionRequest& request, int64_t layer) {
  return request.replaced(layer) && request.student.mixers[static_cast<size_t>(layer)].is<MlaConfig>();
}

const Start& mla_start() {
  static const MlaStart start;
  return start;
}

}  // namespace zebra
