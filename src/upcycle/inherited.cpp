#include "upcycle/inherited.h"

#include "base/error.h"
#include "layers/rope.h"
#include "model/describe.h"
#include "upcycle/rope_table.h"

namespace zebra {

namespace {

constexpr const char* kNotMla = "make it Mamba2, or keep it with --rest attention";
constexpr const char* kNotMamba2 = "make it MLA, or keep it with --rest attention";
constexpr const char* kAsBefore = "set the flag as it was when that layer was made";
constexpr const char* kAlike = "one folder's tables differ in frequencies only: begin as that layer did";

std::string layout_name(const RopeConfig& rope) {
  return rope.layout == RopeConfig::Layout::half ? "half" : "interleaved";
}

std::string scaling_text(const RopeConfig& rope) {
  const double scores = rope_attention_factor(rope) * rope_attention_factor(rope) * rope_softmax_factor(rope);
  return cat("rope_theta ", rope.theta, " with factor ", rope.factor, " and scores times ", scores);
}

// What the new layer `layer` would be against what the teacher's layer `other` is.
class Comparison {
 public:
  Comparison(const char* kind, int64_t layer, int64_t other) : kind_(kind), layer_(layer), other_(other) {}

  void expect(bool same, const char* flag, const char* what, const std::string& inherited, const std::string& made,
              const char* advice) const {
    if (same) return;
    fail_usage(flag, ": ", what, ": expected ", inherited, " as in layer ", other_, ", which is ", kind_,
               " already (a folder holds one for all ", kind_, " layers), found ", made, " for layer ", layer_, "; ",
               advice);
  }
  void equal(const char* flag, const char* key, int64_t inherited, int64_t made, const char* advice) const {
    expect(inherited == made, flag, key, std::to_string(inherited), std::to_string(made), advice);
  }
  void equal(const char* flag, const char* key, bool inherited, bool made) const {
    const auto word = [](bool value) { return value ? "true" : "false"; };
    expect(inherited == made, flag, key, word(inherited), word(made), kAsBefore);
  }

 private:
  const char* kind_;
  int64_t layer_, other_;
};

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

void compare(const Comparison& layers, const Mamba2Config& inherited, const Mamba2Config& made) {
  layers.equal("--mamba2-layers", "ssm_cfg.ngroups", inherited.heads, made.heads, kNotMamba2);
  layers.equal("--mamba2-layers", "d_xb / ssm_cfg.d_state", inherited.kv_heads, made.kv_heads, kNotMamba2);
  layers.equal("--mamba2-layers", "ssm_cfg.d_state", inherited.head_dim, made.head_dim, kNotMamba2);
  layers.equal("--repeat-kv-before-conv", "ssm_cfg.repeat_kv_before_conv", inherited.repeat_kv_before_conv,
               made.repeat_kv_before_conv);
  layers.equal("--mamba2-layers", "ssm_cfg.d_conv", inherited.conv_width, made.conv_width, kNotMamba2);
}

// Inherited layers come from one folder and agree already: the first stands for all.
template <class Config>
void check_kind(const char* kind, const ModelConfig& teacher, const ModelConfig& student) {
  const auto at = [](const ModelConfig& model, int64_t layer) {
    return model.mixers[static_cast<size_t>(layer)].as<Config>();
  };
  int64_t first = 0;
  while (first < teacher.layers() && !at(teacher, first)) ++first;
  if (first == teacher.layers()) return;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const Config* made = at(teacher, layer) ? nullptr : at(student, layer);
    if (made) compare(Comparison(kind, layer, first), *at(teacher, first), *made);
  }
}

}  // namespace

std::vector<int64_t> inherited_layers(const ModelConfig& teacher) {
  std::vector<int64_t> layers;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    if (!teacher.mixers[static_cast<size_t>(layer)].is<AttentionConfig>()) layers.push_back(layer);
  }
  return layers;
}

void check_transformer(const ModelConfig& teacher, const std::string& what) {
  for (const int64_t layer : inherited_layers(teacher)) {
    fail_input("the teacher's layer ", layer, ": expected attention, found ",
               teacher.mixers[static_cast<size_t>(layer)]->kind(), "; ", what,
               " starts from a Transformer, not from a hybrid");
  }
}

void check_beside_inherited(const ModelConfig& teacher, const ModelConfig& student) {
  check_kind<MlaConfig>("MLA", teacher, student);
  check_kind<Mamba2Config>("Mamba2", teacher, student);
}

}  // namespace zebra
