#pragma once
// The kinds of WeightSource; WeightSource::open() chooses.
#include <map>
#include <string>

#include "model/checkpoint.h"

namespace zebra {

// model.safetensors, or the shards of an index (tensor name -> file name).
std::unique_ptr<WeightSource> open_safetensors(const fs::path& folder, const std::map<std::string, std::string>& index);

// Zip-format pickles: pytorch_model.bin, or the shards of an index. A file is read whole when one of its tensors is
// asked for, and forgotten when another file is.
std::unique_ptr<WeightSource> open_pickle(const fs::path& folder, const std::map<std::string, std::string>& index);

}  // namespace zebra
