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

// The student that has in every layer what those get which are not chosen, and those to choose layers from: of folders
// or, for a plan, of configs.
template <class Student>
struct Students {
  Student rest;
  std::vector<Student> mla;
};
// Takes the one with the smallest cache out of all-MLA students: --rest mla.
Students<ModelConfig> with_smallest_as_rest(std::vector<ModelConfig> mla);
Students<std::string> with_smallest_as_rest(const std::vector<std::string>& mla);

// What the students will be that make_students() makes.
Students<ModelConfig> plan_students(const ModelConfig& teacher, const Latents& latents, bool rest_is_mla);

inline constexpr const char* kStatisticsName = "statistics.safetensors";

struct StudentFolders {
  std::string mamba2;  // not used where the rest is MLA
  std::vector<std::string> mla;
};
// Makes those of `given` that are missing, in `folder`. Deterministic, so that a resumed run finds the same ones.
Students<std::string> make_students(const std::string& teacher, const StudentFolders& given, const Latents& latents,
                                    bool rest_is_mla, const fs::path& folder, const std::vector<std::string>& how);

}  // namespace zebra::cli
