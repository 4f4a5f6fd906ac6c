#include "upcycle/mixer_weights.h"

#include "base/error.h"
#include "layers/mixer_kinds.h"

namespace zebra {

namespace {

// Mixers name their parameters with a prefix; within this module the part after it counts.
const std::string kPrefix = "mixer";

std::string short_name(const std::string& name) {
  return name.substr(kPrefix.size() + 1);
}

}  // namespace

std::unique_ptr<Mixer> build_mixer(const MixerConfig& config, const MixerWeights& weights, at::TensorOptions options) {
  auto mixer = make_mixer(config, options);
  size_t filled = 0;
  mixer->parameters(kPrefix, [&](const std::string& name, at::Tensor& value) {
    const auto found = weights.find(short_name(name));
    if (found == weights.end() || found->second.numel() != value.numel()) {
      fail(ErrorKind::runtime, config->key(), ".", short_name(name), ": the initialisation made ",
           found == weights.end() ? 0 : found->second.numel(), " values, the layer has ", value.numel());
    }
    value.copy_(found->second.reshape(value.sizes()));
    ++filled;
  });
  if (filled != weights.size()) {
    fail(ErrorKind::runtime, config->key(), ": the initialisation made ", weights.size(), " tensors, the layer has ",
         filled);
  }
  return mixer;
}

MixerWeights weights_of(Mixer& mixer) {
  MixerWeights weights;
  mixer.parameters(kPrefix, [&](const std::string& name, at::Tensor& value) { weights[short_name(name)] = value; });
  return weights;
}

}  // namespace zebra
