#include "layers/config.h"

namespace zebra {

const char* mixer_key(const MixerConfig& config) {
  if (std::holds_alternative<AttentionConfig>(config)) return "self_attn";
  return std::holds_alternative<MlaConfig>(config) ? "mla" : "mamba";
}

}  // namespace zebra
