#pragma once
// --dtype and --device in the words of other programs (bfloat16, cuda:0, auto), as this one says them.
#include <string>

namespace zebra::cli {

// "fp32", "bf16" or "auto" (the type that the weights are stored in, or fp32 where that is float16); Error(usage) for
// others.
std::string dtype_word(const std::string& text);
// "cpu" or "cuda"; auto is cuda where there is one. Error(usage) for others.
std::string device_word(const std::string& text);

}  // namespace zebra::cli
