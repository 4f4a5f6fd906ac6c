// The flags of `zebra convert` as they are written -> what they mean.
#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "io/format.h"
#include "upcycle/plan.h"

namespace zebra {

namespace {

int64_t parse_layer(const std::string& word, int64_t layers, const std::string& flag) {
  int64_t layer = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), layer);
  if (error != std::errc() || end != word.data() + word.size() || layer < 0 || layer >= layers) {
    fail_usage(flag, ": expected layer numbers from 0 to ", layers - 1, ", \"all\" or \"none\", found \"", word, "\"");
  }
  return layer;
}

// Of "a,b"; none of an empty text.
std::vector<std::string> words_of(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : split(text, ',');
}

// "3:24,6:16"
std::map<int64_t, int64_t> parse_widths(const char* flag, const std::string& text) {
  std::map<int64_t, int64_t> widths;
  for (const auto& word : words_of(text)) {
    const auto pair = split(word, ':');
    int64_t layer = 0, width = 0;
    if (pair.size() != 2 || !parse_field(pair[0], layer) || !parse_field(pair[1], width) ||
        !widths.emplace(layer, width).second) {
      fail_usage(flag, ": expected LAYER:WIDTH,.. with every layer once, as 3:24,6:16, found \"", text, "\"");
    }
  }
  return widths;
}

// "0,6,12"
std::vector<int64_t> parse_pairs(const std::string& text) {
  std::vector<int64_t> pairs;
  for (const auto& word : words_of(text)) {
    int64_t pair = 0;
    if (!parse_field(word, pair) || pair < 0 || (!pairs.empty() && pair <= pairs.back())) {
      fail_usage("--rope-pairs: expected ascending numbers of frequencies, as 0,6,12, found \"", text, "\"");
    }
    pairs.push_back(pair);
  }
  return pairs;
}

// The place of a flag's value among the words that it may be.
size_t place_of(const std::string& flag, const std::string& value, const std::vector<std::string>& words) {
  const auto found = std::find(words.begin(), words.end(), value);
  if (found == words.end()) {
    fail_usage(flag, ": expected ", join({words.begin(), words.end() - 1}, ", "), " or ", words.back(), ", found \"",
               value, "\"");
  }
  return static_cast<size_t>(found - words.begin());
}

}  // namespace

StudentOptions student_options(const ConvertSettings& settings) {
  StudentOptions options;
  options.layers = settings.layers;
  if (!options.layers.empty() &&
      (settings.mla_layers != ConvertSettings{}.mla_layers ||
       settings.mamba2_layers != ConvertSettings{}.mamba2_layers || settings.rest != ConvertSettings{}.rest)) {
    fail_usage("--layers: says what --mla-layers, --mamba2-layers and --rest are short forms of; give it alone");
  }
  options.mla_layers = settings.mla_layers, options.mamba2_layers = settings.mamba2_layers;
  options.rest = static_cast<Rest>(place_of("--rest", settings.rest, {"mamba2", "attention"}));
  place_of("--init", settings.init, {"refined", "reference"});
  options.mla = settings.mla_init.empty() ? parse_mla_ideas(settings.init, "--init")
                                          : parse_mla_ideas(settings.mla_init, "--mla-init");
  options.mla_refined = (settings.mla_init.empty() ? settings.init : settings.mla_init) == "refined";
  options.mamba2 = settings.mamba2_init.empty() ? parse_mamba2_ideas(settings.init, "--init")
                                                : parse_mamba2_ideas(settings.mamba2_init, "--mamba2-init");
  const bool unmeasured = options.mla.reference && options.mamba2.reference && settings.calibration.empty();
  options.rank = static_cast<RankRule>(place_of("--rank", settings.rank, {"fixed", "energy", "budget", "equal"}));
  if (!(settings.rank_energy > 0 && settings.rank_energy <= 1)) {
    fail_usage("--rank-energy: expected more than 0 and at most 1, found ", settings.rank_energy);
  }
  options.rank_energy = settings.rank_energy;
  options.split = static_cast<Split>(place_of("--split", settings.split, {"fixed", "auto", "trained"}));
  if (options.mla.reference && options.split != Split::fixed) {
    fail_usage("--split ", settings.split,
               ": AMD's initialisation has fixed frequencies; use --mla-init refined or ideas");
  }
  const std::string& refit = settings.refit;
  if (!refit.empty()) place_of("--refit", refit, {"all", "mla", "mamba2", "none"});
  const auto refits = [&](const char* kind, bool reference) {
    return refit.empty() ? !reference : refit == "all" || refit == kind;
  };
  options.refit = {.mla = refits("mla", options.mla.reference),
                   .mamba2 = refits("mamba2", options.mamba2.reference),
                   .on_student = place_of("--refit-on", settings.refit_on, {"student", "teacher"}) == 0,
                   .unless_one_kind = refit.empty()};
  if (unmeasured && (options.refit.mla || options.refit.mamba2)) {
    fail_usage("--refit ", refit, ": the reference initialisation needs --calibration to be refitted");
  }
  options.kv_rank = settings.kv_rank, options.rope_dim = settings.rope_dim;
  options.kv_ranks = parse_widths("--kv-ranks", settings.kv_ranks);
  options.rope_dims = parse_widths("--rope-dims", settings.rope_dims);
  if (!options.kv_ranks.empty() && (options.rank != RankRule::fixed || options.split != Split::fixed)) {
    fail_usage("--kv-ranks: ranks are given, so expected --rank fixed and --split fixed, found ", settings.rank,
               " and ", settings.split);
  }
  if (!options.rope_dims.empty() && (options.mla.reference || options.split != Split::fixed)) {
    fail_usage("--rope-dims: widths are given, so expected --split fixed and an --mla-init other than reference");
  }
  options.rope_pairs = parse_pairs(settings.rope_pairs);
  if (!options.rope_pairs.empty() && !options.rope_dims.empty()) {
    fail_usage("--rope-pairs: expected one width of the rotated key in all layers; leave --rope-dims out");
  }
  const auto pairs = static_cast<int64_t>(options.rope_pairs.size());
  if (pairs > 0 && 2 * pairs != options.rope_dim) {
    fail_usage("--rope-pairs: expected rope_dim / 2 = ", options.rope_dim / 2, " frequencies, found ", pairs);
  }
  if (pairs > 0 && (options.mla.reference || options.split != Split::fixed)) {
    fail_usage("--rope-pairs: frequencies are given, so expected --split fixed and an --mla-init other than reference");
  }
  options.nope_dim = settings.nope_dim, options.v_dim = settings.v_dim;
  if (settings.q_rank == "exact") {
    options.q_rank = 0;
  } else if (!settings.q_rank.empty() && (!parse_field(settings.q_rank, options.q_rank) || options.q_rank < 1)) {
    fail_usage("--q-rank: expected a rank or \"exact\", found \"", settings.q_rank, "\"");
  }
  options.full_kv_head = settings.full_kv_head, options.lora_norm = settings.lora_norm;
  options.repeat_kv_before_conv = settings.repeat_kv_before_conv;
  return options;
}

std::vector<int64_t> parse_layers(const std::string& text, int64_t layers, const std::string& flag) {
  std::set<int64_t> chosen;
  if (text == "none") return {};
  if (text == "all") {
    for (int64_t layer = 0; layer < layers; ++layer) chosen.insert(layer);
    return {chosen.begin(), chosen.end()};
  }
  for (const auto& word : split(text, ',')) {
    const size_t dash = word.find('-');
    const int64_t first = parse_layer(word.substr(0, dash), layers, flag);
    const int64_t last = dash == std::string::npos ? first : parse_layer(word.substr(dash + 1), layers, flag);
    for (int64_t layer = first; layer <= last; ++layer) chosen.insert(layer);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace zebra
