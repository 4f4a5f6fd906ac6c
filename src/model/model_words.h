#pragma once
// --dtype and --device in the words of other programs (bfloat16, cuda:0, auto), as this one says them.
#include <string>
#include <type_traits>

#include "base/fields.h"

namespace zebra {

// "fp32", "bf16" or "auto" (the type that the weights are stored in, or fp32 where that is float16); Error(usage) for
// others.
std::string dtype_word(const std::string& text);
// "cpu" or "cuda"; auto is cuda where there is one. Error(usage) for others.
std::string device_word(const std::string& text);

// The keys dtype and device of a settings struct.
template <class Config>
void use_own_words(Config& config) {
  for_each_field(config, [](const std::string& key, auto& value, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      if (key == "dtype") value = dtype_word(value);
      if (key == "device") value = device_word(value);
    }
  });
}

}  // namespace zebra
