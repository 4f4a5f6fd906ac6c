#pragma once
// What is asked about the models and data of a run before it begins, and their checksums, by which a resumed one is
// known as the same (train/run_state.h).
#include <future>
#include <string>
#include <vector>

#include "base/file.h"
#include "io/json.h"
#include "model/model.h"

namespace zebra {

// Error(input) unless both folders' models and tokenizers have the same tokens, so that distributions can be compared.
void check_same_vocabulary(const fs::path& student, const ModelConfig& student_config, const fs::path& teacher,
                           const ModelConfig& teacher_config);

// Whether a saved run began from these weights: a hash of the parameters' names and bits, in their order.
int64_t checksum(Model& model);
// The same on another thread, beside the work of a start; `model` must stay as it is until the result is asked for.
std::shared_future<int64_t> begin_checksum(Model& model);
// CRC-32C of what such a model computes with its weights.
int64_t checksum(const ModelConfig& config);

// Of rows of tokens: how many, and the CRC-32C of their ids in order.
std::string text_content(const std::vector<int32_t>& ids);

// CRC-32C of each file; nothing for "sample", which is none.
Json file_checksums(const std::vector<std::string>& files);

}  // namespace zebra
