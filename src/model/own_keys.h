#pragma once
// The keys that zebra adds to hybrid_config.json or MLA_config.json for what AMD's formats cannot say. AMD's loaders
// build strict dataclasses from these two files, so they refuse a folder with such a key instead of misreading it.
//   attn_layers   layers left as attention (Zebra-Llama; X-EcoMLA has it itself)
//   rope_layout   "half" or "interleaved" (absent)
//   rope_yarn     "transformers" or "deepseek" (absent)
//   rope_inv_freq rotation frequencies of all MLA layers, radians per token
//   rope_ntk_dim  with these and dynamic scaling: the width of which they are some of the frequencies
//   sliding_window how many tokens an MLA layer sees, itself included
//   layers        {"3": {...}}: kv_lora_rank, q_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim,
//                 rope_inv_freq, sliding_window of one MLA layer where they differ from the file's; or, with "kind",
//                 all of a layer of a kind that AMD's formats do not know (layers/mixer_readers.h)
#include <optional>

#include "layers/config.h"
#include "model/config_reader.h"

namespace zebra {

// Applies the keys to the MLA config that all layers share.
void read_own_rope_keys(MlaConfig& shared, const ConfigReader& hybrid);
// Applies `layers` to one of them.
void read_own_layer_keys(MlaConfig& mla, const ConfigReader& hybrid, int64_t layer);

// The layer where it is of a kind that only `layers` can spell.
std::optional<MixerConfig> read_own_mixer(const ConfigReader& hybrid, int64_t layer);
// Spells it there if it is of such a kind.
void write_own_mixer(Json& hybrid, const MixerConfig& mixer, int64_t layer);

// Every entry of `layers` names an MLA layer, or one that is spelled there.
void check_own_layers(const ConfigReader& hybrid, const std::vector<MixerConfig>& mixers);

// Sets or removes the keys so that `shared` and then each layer's own values are read back. Values in `expressed` are
// those that the format's own keys already give a layer.
void write_own_rope_keys(Json& hybrid, const MlaConfig& shared);
void write_own_layer_keys(Json& hybrid, const MlaConfig& expressed, const MlaConfig& mla, int64_t layer);

// The largest common ground of MLA layers: the first one's, without rope_inv_freq unless all share it.
MlaConfig shared_mla(const std::vector<MixerConfig>& mixers);

}  // namespace zebra
