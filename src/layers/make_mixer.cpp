#include <string_view>

#include "base/error.h"
#include "layers/mixer_kinds.h"

namespace zebra {

std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options, Ropes& ropes) {
  for (const auto& kind : mixer_kinds()) {
    if (std::string_view(kind.name) == config->kind()) return kind.make(config, options, ropes);
  }
  fail(ErrorKind::runtime, "no kind of mixer is called ", config->kind());
}

std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options) {
  Ropes own;
  return make_mixer(config, options, own);
}

}  // namespace zebra
