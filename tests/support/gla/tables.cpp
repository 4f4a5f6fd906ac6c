// The tables of the program with one kind more: a program that brings its own needs none of the library's.
#include <array>

#include "io/json.h"
#include "layers/attention.h"
#include "layers/config.h"
#include "layers/mamba2.h"
#include "layers/mixer_kinds.h"
#include "layers/mixer_readers.h"
#include "layers/mla.h"
#include "support/gla/gla.h"
#include "support/gla/start.h"
#include "upcycle/mamba2_start.h"
#include "upcycle/mla_start.h"

namespace zebra {

std::span<const MixerKind> mixer_kinds() {
  static const std::array kinds{mixer_kind<Attention, AttentionConfig>(), mixer_kind<Mla, MlaConfig>(),
                                mixer_kind<Mamba2, Mamba2Config>(), mixer_kind<Gla, GlaConfig>()};
  return kinds;
}

const std::vector<const Start*>& starts() {
  static const std::vector<const Start*> all{&mla_start(), &mamba2_start(), &gla_start()};
  return all;
}

const std::vector<MixerReader>& mixer_readers() {
  static const std::vector<MixerReader> all{
      {GlaConfig::kKind, [](const Json& json, const std::string& where) {
         const auto number = [&](const char* key) { return json_get<int64_t>(json, key, where); };
         return MixerConfig(GlaConfig{number("hidden"), number("heads"), number("kv_heads"), number("head_dim")});
       }}};
  return all;
}

}  // namespace zebra
