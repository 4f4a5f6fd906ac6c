#include "layers/mixer_kinds.h"

#include <array>

#include "layers/attention.h"
#include "layers/mamba2.h"
#include "layers/mla.h"

namespace zebra {

std::span<const MixerKind> mixer_kinds() {
  static const std::array kinds{
      mixer_kind<Attention, AttentionConfig>(),
      mixer_kind<Mla, MlaConfig>(),
      mixer_kind<Mamba2, Mamba2Config>(),
  };
  return kinds;
}

}  // namespace zebra
