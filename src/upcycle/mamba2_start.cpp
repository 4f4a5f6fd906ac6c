#include "upcycle/mamba2_start.h"

#include "base/error.h"
#include "upcycle/mamba2_reference.h"
#include "upcycle/mamba2_refined.h"

namespace zebra {

namespace {

constexpr const char* kNotMamba2 = "make it MLA, or keep it with --rest attention";

void compare(const Comparison& layers, const Mamba2Config& inherited, const Mamba2Config& made) {
  layers.equal("--mamba2-layers", "ssm_cfg.ngroups", inherited.heads, made.heads, kNotMamba2);
  layers.equal("--mamba2-layers", "d_xb / ssm_cfg.d_state", inherited.kv_heads, made.kv_heads, kNotMamba2);
  layers.equal("--mamba2-layers", "ssm_cfg.d_state", inherited.head_dim, made.head_dim, kNotMamba2);
  layers.equal("--repeat-kv-before-conv", "ssm_cfg.repeat_kv_before_conv", inherited.repeat_kv_before_conv,
               made.repeat_kv_before_conv);
  layers.equal("--mamba2-layers", "ssm_cfg.d_conv", inherited.conv_width, made.conv_width, kNotMamba2);
}

class Mamba2Start : public Start {
 public:
  const char* kind() const override { return Mamba2Config::kKind; }
  const char* name() const override { return "Mamba2"; }

  MixerConfig shape(const StudentOptions& options, const AttentionConfig& parent, Format /*format*/,
                    int64_t layer) const override {
    if (parent.out_bias) refuse_output_bias(layer, "a Mamba2");
    if (options.mamba2.reference) refuse_unknown_to_reference(parent, "--mamba2-init");
    if (parent.qkv_bias && !options.mamba2.linear) {
      fail_usage(
          "--mamba2-init: this teacher has biases of q, k and v, which need the idea linear; add it to the list");
    }
    Mamba2Config mamba;
    mamba.hidden = parent.hidden, mamba.heads = parent.heads, mamba.kv_heads = parent.kv_heads;
    mamba.head_dim = parent.head_dim;
    mamba.repeat_kv_before_conv = options.repeat_kv_before_conv;
    if (!options.mamba2.reference && parent.head_dim < 2) {
      fail_input("head_dim ", parent.head_dim, ": a Mamba2 layer needs at least 2");
    }
    return mamba;
  }

  std::unique_ptr<Mixer> make(const LayerStart& start, MixerConfig& config) const override {
    const auto& request = start.request();
    const auto& mamba = config.get<Mamba2Config>();
    auto mixer = start.build(config, weights(start, request, mamba));
    start.refit(*mixer);
    return mixer;
  }

  bool refits(const RefitPlan& plan) const override { return plan.mamba2; }
  bool is_reference(const StudentOptions& options) const override { return options.mamba2.reference; }

  void check_beside(const Comparison& layers, const MixerConfig& inherited, const MixerConfig& made) const override {
    compare(layers, inherited.get<Mamba2Config>(), made.get<Mamba2Config>());
  }

  std::vector<std::string> losses(const AttentionConfig& parent, const ModelConfig& teacher,
                                  const MixerConfig& /*made*/) const override {
    std::vector<std::string> out;
    if (parent.sliding_window > 0) {
      out.push_back(
          cat("become Mamba2, whose state takes in every token: ", "the teacher's sliding window is not kept there"));
    }
    if (parent.rope.type == RopeConfig::Type::dynamic) {
      out.push_back(cat("become Mamba2, which has no positions: the teacher's dynamic scaling past ",
                        teacher.max_position, " tokens has no counterpart there"));
    }
    return out;
  }

  std::vector<GivenFlag> own_flags(const ConvertSettings& s) const override {
    return {{"--mamba2-init", !s.mamba2_init.empty()},
            {"--repeat-kv-before-conv", s.repeat_kv_before_conv},
            {"--refit mamba2", s.refit == "mamba2"}};
  }
  const char* when_none() const override { return "no layer becomes Mamba2; leave it out, or name fewer --mla-layers"; }

 private:
  static MixerWeights weights(const LayerStart& start, const ConversionRequest& request, const Mamba2Config& config) {
    if (request.mamba2.reference) {
      return reference_mamba2(start.reference_attention(), config, request.seed, start.layer());
    }
    const auto [attention, statistics] = start.measured();
    return refined_mamba2(attention, statistics, config, start.head_sample(), request.mamba2, request.seed,
                          start.layer());
  }
};

}  // namespace

const Start& mamba2_start() {
  static const Mamba2Start start;
  return start;
}

}  // namespace zebra
