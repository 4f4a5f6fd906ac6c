#pragma once
// What is asked about the models of a run before it begins.
#include "base/file.h"
#include "model/model.h"

namespace zebra {

// Error(input) unless both folders' models and tokenizers have the same tokens, so that distributions can be compared.
void check_same_vocabulary(const fs::path& student, const ModelConfig& student_config, const fs::path& teacher,
                           const ModelConfig& teacher_config);

// Whether a saved run began from these weights: a hash of the parameters' names and bits, in their order.
int64_t checksum(Model& model);

}  // namespace zebra
