#include "support/gla/start.h"

#include "support/gla/config.h"

namespace zebra {

namespace {

constexpr double kSlow = 4;  // the gate's bias

class GlaStart : public Start {
 public:
  const char* kind() const override { return GlaConfig::kKind; }
  const char* name() const override { return "GLA"; }
  MixerConfig shape(const StudentOptions&, const AttentionConfig& parent, Format, int64_t layer) const override {
    if (parent.out_bias || parent.qkv_bias) refuse_output_bias(layer, "a GLA");
    return GlaConfig{parent.hidden, parent.heads, parent.kv_heads, parent.head_dim};
  }
  std::unique_ptr<Mixer> make(const LayerStart& start, MixerConfig& config) const override {
    const auto attention = start.measured().attention;
    const auto heads = at::zeros({attention.config.heads}, attention.q.options());
    auto mixer = start.build(config, {{"q_proj.weight", attention.q.flatten(0, 1)},
                                      {"k_proj.weight", attention.k.flatten(0, 1)},
                                      {"v_proj.weight", attention.v.flatten(0, 1)},
                                      {"g_proj.weight", heads.unsqueeze(1).expand({-1, attention.config.hidden})},
                                      {"g_proj.bias", heads + kSlow},
                                      {"o_proj.weight", attention.o}});
    start.refit(*mixer);
    return mixer;
  }
  bool is_reference(const StudentOptions&) const override { return false; }
};

}  // namespace

const Start& gla_start() {
  static const GlaStart start;
  return start;
}

}  // namespace zebra
