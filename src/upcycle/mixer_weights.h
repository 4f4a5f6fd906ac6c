#pragma once
// The weights of one mixer by name, as an initialisation computes them, and the mixer that they make.
#include <map>
#include <memory>
#include <string>

#include "layers/block.h"

namespace zebra {

// Names within the mixer: "q_proj.weight", "A_log" ... Shapes may leave out dimensions of size 1.
using MixerWeights = std::map<std::string, at::Tensor>;

std::unique_ptr<Mixer> build_mixer(const MixerConfig& config, const MixerWeights& weights, at::TensorOptions options);
MixerWeights weights_of(Mixer& mixer);

}  // namespace zebra
