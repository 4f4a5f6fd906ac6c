#pragma once
// What one layer is worth: the score of layer i is how much the KL to the teacher falls when layer i alone of the
// all-Mamba2 student is replaced by that of the all-MLA student (SMART's sensitivity, Zebra-Llama section 3.3), or one
// of a small rank by one of a larger.
#include <functional>
#include <vector>

#include "model/model.h"

namespace zebra {

struct RestoreOne {
  double base = 0;             // KL of the student as it is
  std::vector<double> scores;  // base - KL with layer i of the donor
};

// `kl` measures a model; both models are as before afterwards. Blocks move whole: layer-wise training changes the norm
// before a mixer too.
RestoreOne restore_one(Model& student, Model& donor, const std::function<double(const Model&)>& kl);

// Exchanges the blocks of these layers; the configs stay. Doing it twice changes nothing.
void swap_blocks(Model& a, Model& b, const std::vector<int64_t>& layers);

// Student with the donor's blocks in `layers`, moved out of both; and the config of such a one.
Model combine(Model student, Model donor, const std::vector<int64_t>& layers);
ModelConfig combine(ModelConfig student, const ModelConfig& donor, const std::vector<int64_t>& layers);

// Error(input) unless the two can be students of one teacher, of the same shape, with MLA in every layer of the donor.
void check_pair(const ModelConfig& student, const ModelConfig& donor, const std::string& donor_folder);

}  // namespace zebra
