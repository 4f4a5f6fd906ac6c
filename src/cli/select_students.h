#pragma once
// The students that select compares, where none are given: made by convert from the teacher, as it makes them by
// default.
#include <string>
#include <vector>

#include "base/file.h"
#include "model/config.h"

namespace zebra::cli {

// The cache of an MLA layer; zeros are filled in by default_latents().
struct Latents {
  std::vector<int64_t> kv_ranks;
  int64_t rope_dim = 0;
};

// Zebra-Llama's proportions: a latent of a quarter of the keys' width, a shared rotated key of half a head.
Latents default_latents(Latents latents, const ModelConfig& teacher);

// Error(input) where the teacher is a hybrid: what it has converted already would be in every student. `what` needs
// students of one kind.
void check_transformer(const ModelConfig& teacher, const std::string& what);

// What those students will be: Mamba2 in every layer, MLA of each rank in every layer.
struct StudentPair {
  ModelConfig mamba2;
  std::vector<ModelConfig> mla;
};
StudentPair plan_students(const ModelConfig& teacher, const Latents& latents);

struct StudentFolders {
  std::string mamba2;
  std::vector<std::string> mla;
};
// Makes those of `given` that are missing, in `folder`. Deterministic, so that a resumed run finds the same ones.
StudentFolders make_students(const std::string& teacher, const StudentFolders& given, const Latents& latents,
                             const fs::path& folder, const std::vector<std::string>& how);

}  // namespace zebra::cli
