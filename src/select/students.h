#pragma once
// The students that select compares, and what those will be that it makes itself (pipeline/make_students.h).
#include <functional>
#include <string>
#include <vector>

#include "model/config.h"

namespace zebra {

// The cache of an MLA layer; zeros are filled in by default_latents().
struct Latents {
  std::vector<int64_t> kv_ranks;
  int64_t rope_dim = 0;
};

// Zebra-Llama's proportions: a latent of a quarter of the keys' width, a shared rotated key of half a head.
Latents default_latents(Latents latents, const ModelConfig& teacher);

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

// Students that are given; an empty name, or none, = select makes it.
struct StudentFolders {
  std::string mamba2;  // not used where the rest is MLA
  std::vector<std::string> mla;
  bool makes_mamba2(bool rest_is_mla) const { return mamba2.empty() && !rest_is_mla; }
};

// What is compared: the configs of those given, as `read` finds them in their folders, and what select will make.
// Error(input) where the teacher is a hybrid and something is to be made of it, or where two are of different shapes.
Students<ModelConfig> plan_students(const ModelConfig& teacher, const StudentFolders& given, const Latents& latents,
                                    bool rest_is_mla, const std::function<ModelConfig(const std::string&)>& read);

}  // namespace zebra
