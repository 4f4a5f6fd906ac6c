#pragma once
// The kinds of mixers that there are: a line each in mixer_kinds.cpp.
#include <memory>
#include <span>

#include "layers/mixer.h"
#include "layers/mixer_config.h"
#include "layers/rope.h"

namespace zebra {

struct MixerKind {
  const char* name;  // MixerFacts::kind()
  // Uninitialised, of a configuration of this kind; it turns by one of `ropes`.
  std::unique_ptr<Mixer> (*make)(const MixerConfig& config, at::TensorOptions options, Ropes& ropes);
};

std::span<const MixerKind> mixer_kinds();

// A line of the table.
template <class Made, class Config>
MixerKind mixer_kind() {
  return {Config::kKind, [](const MixerConfig& config, at::TensorOptions options, Ropes& ropes) {
            return std::unique_ptr<Mixer>(std::make_unique<Made>(config.get<Config>(), options, ropes));
          }};
}

std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options, Ropes& ropes);
std::unique_ptr<Mixer> make_mixer(const MixerConfig& config, at::TensorOptions options);  // alone

}  // namespace zebra
