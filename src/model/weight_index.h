#pragma once
// model.safetensors.index.json and pytorch_model.bin.index.json: which file of the folder holds which tensor.
#include <map>
#include <string>

#include "base/file.h"

namespace zebra {

// Tensor name -> file name; the files are plain names within the index's own folder.
std::map<std::string, std::string> read_weight_index(const fs::path& path);

}  // namespace zebra
