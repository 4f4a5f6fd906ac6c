#pragma once
// A student in the words of AMD's own code: rotated rows in interleaved order, a query of integer rank, no keys of
// ours.
#include "base/file.h"
#include "model/config.h"

namespace zebra {

// The config that AMD's classes can hold; what they cannot is refused by name.
ModelConfig amd_config(const ModelConfig& student, const std::string& where);

// Why AMD's classes cannot hold this student, and which flags of convert make one that they can; "" where they can, and
// of a plain Transformer.
std::string no_amd_export(const ModelConfig& student);

// Writes configs, weights and companions of `from` into the folder `to`.
void export_amd(const fs::path& from, const fs::path& to);

}  // namespace zebra
