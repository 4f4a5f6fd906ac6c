#pragma once
// What stands at a path where a model's folder should: other programs' formats, halves of a download and names of the
// Hugging Face hub are told apart, so that the error says what it is and what makes a folder of it.
#include "base/file.h"

namespace zebra {

// Error(input) unless `path` is a folder with a config.json that is not a git-lfs pointer, and neither are the weights
// and the tokenizer beside it.
void check_model_folder(const fs::path& path);

// The same for a tokenizer.json.
void check_tokenizer_folder(const fs::path& folder);
// The folder has no weights that this program reads: Error(input) says what it has instead.
[[noreturn]] void fail_no_weights(const fs::path& folder);

}  // namespace zebra
