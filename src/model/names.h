#pragma once
// How checkpoints name what belongs to a layer.
#include <cstdint>
#include <string>

namespace zebra {

inline std::string layer_prefix(int64_t layer) {  // "model.layers.3"
  return "model.layers." + std::to_string(layer);
}

}  // namespace zebra
