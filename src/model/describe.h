#pragma once
// Mixers in words, for people.
#include <string>

#include "layers/config.h"

namespace zebra {

const char* mixer_kind(const MixerConfig& mixer);   // "attention", "mla" or "mamba2"
std::string mixer_shape(const MixerConfig& mixer);  // "kv rank 24, q exact, rope 8, ..."

}  // namespace zebra
