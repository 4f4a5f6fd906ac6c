#include "upcycle/plan.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "model/describe.h"
#include "upcycle/inherited.h"

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

int64_t round_up(int64_t value, int64_t step) {
  return (value + step - 1) / step * step;
}

// The rope table that AMD's scripts give an MLA layer: YaRN with the factor of the parent's scaling.
RopeConfig reference_rope(const RopeConfig& parent, Format format) {
  RopeConfig rope;
  rope.layout = RopeConfig::Layout::interleaved;
  rope.theta = parent.theta;
  rope.max_position = parent.max_position;
  if (parent.type == RopeConfig::Type::standard || parent.factor == 1) return rope;
  rope.type = RopeConfig::Type::yarn;
  rope.yarn = RopeConfig::Yarn::deepseek;
  rope.factor = parent.factor;
  // X-EcoMLA does not pass the original length on, so that its table's default holds.
  rope.original_max_position = format == Format::x_ecomla         ? 4096
                               : parent.original_max_position > 0 ? parent.original_max_position
                                                                  : parent.max_position;
  return rope;
}

class Planner {
 public:
  Planner(const ModelConfig& teacher, const StudentOptions& options) : teacher_(teacher), options_(options) {}

  ModelConfig plan() {
    check_teacher();
    const std::set<int64_t> mla = named(options_.mla_layers, "--mla-layers");
    std::set<int64_t> mamba = named(options_.mamba2_layers, "--mamba2-layers");
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (mla.count(layer) && mamba.count(layer)) {
        fail_usage("--mamba2-layers: layer ", layer, " is in --mla-layers too; name it once");
      }
      if (!mla.count(layer) && attention(layer) && options_.rest == Rest::mamba2) mamba.insert(layer);
    }
    if (mla.empty() && mamba.empty()) {
      fail_usage("--mla-layers none --rest attention: nothing would change; name layers or use --rest mamba2");
    }
    for (const auto& [layer, width] : options_.rope_dims) {
      if (!mla.count(layer)) {
        fail_usage("--rope-dims: layer ", layer, " (width ", width, ") is not one of --mla-layers");
      }
    }
    for (const auto& [layer, rank] : options_.kv_ranks) {
      if (layer >= 0 && layer < teacher_.layers()) check_unconverted(layer, "--kv-ranks");
      if (!mla.count(layer)) fail_usage("--kv-ranks: layer ", layer, " (rank ", rank, ") is not one of --mla-layers");
    }
    if (mla.empty() && !options_.rope_pairs.empty())
      fail_usage("--rope-pairs: no layer becomes MLA; name --mla-layers");
    ModelConfig student = teacher_;
    choose_format(student, !mamba.empty());
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (!mla.count(layer) && !mamba.count(layer)) continue;
      const AttentionConfig& parent = *attention(layer);
      check_output_bias(parent, layer, mamba.count(layer) > 0);
      if (mla.count(layer) && options_.mla.reference) check_reference(parent, "--mla-init");
      if (mamba.count(layer)) check_mamba2(parent);
      auto& mixer = student.mixers[static_cast<size_t>(layer)];
      if (mla.count(layer)) mixer = mla_config(parent, student.format, rank_of(layer), rope_dim_of(layer));
      if (mamba.count(layer)) mixer = mamba2_config(parent);
    }
    check_beside_inherited(teacher_, student);
    return student;
  }

 private:
  // Null where the teacher, a hybrid, has converted the layer already: the student inherits that.
  const AttentionConfig* attention(int64_t layer) const {
    return std::get_if<AttentionConfig>(&teacher_.mixers[static_cast<size_t>(layer)]);
  }

  void check_teacher() const {
    if (teacher_.mixers.empty()) fail_input("the teacher has no layers: nothing to convert");
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (attention(layer)) return;
    }
    fail_usage("the teacher: expected a layer of attention to convert, found ", teacher_.layers(),
               " that are MLA or Mamba2 already; give an earlier folder of it");
  }

  void check_unconverted(int64_t layer, const std::string& flag) const {
    if (attention(layer)) return;
    fail_usage(flag, ": layer ", layer, ": expected attention, found ",
               mixer_kind(teacher_.mixers[static_cast<size_t>(layer)]),
               ", which the teacher has there already and the student keeps; leave it out");
  }

  // The layers that a flag names; all = every attention layer that is left.
  std::set<int64_t> named(const std::string& text, const std::string& flag) const {
    std::set<int64_t> layers;
    for (const int64_t layer : parse_layers(text, teacher_.layers(), flag)) {
      if (text != "all") check_unconverted(layer, flag);
      if (attention(layer)) layers.insert(layer);
    }
    return layers;
  }

  // X-EcoMLA's folders hold reference MLA and attention; Zebra-Llama's everything.
  void choose_format(ModelConfig& student, bool mamba2) const {
    const bool eco = options_.mla.reference && !mamba2 && teacher_.format != Format::zebra_llama;
    student.format = eco ? Format::x_ecomla : Format::zebra_llama;
    if (teacher_.format == student.format) return;
    student.raw_hybrid = student.raw_mla = Json::object();  // keys of the other format
  }

  static void check_reference(const AttentionConfig& parent, const char* flag) {
    if (!parent.qkv_bias && !parent.qk_norm) return;
    fail_usage(flag, " reference: AMD's initialisation knows no ",
               parent.qk_norm ? "norms of q and k" : "biases of q, k and v",
               ", which this teacher has; use refined or ideas");
  }

  void check_mamba2(const AttentionConfig& parent) const {
    if (options_.mamba2.reference) return check_reference(parent, "--mamba2-init");
    if (parent.qkv_bias && !options_.mamba2.linear) {
      fail_usage(
          "--mamba2-init: this teacher has biases of q, k and v, which need the idea linear; add it to the list");
    }
  }

  static void check_output_bias(const AttentionConfig& parent, int64_t layer, bool mamba) {
    if (parent.out_bias && (mamba || !parent.qkv_bias)) {
      fail_usage("the teacher's layer ", layer, " has a bias on its output projection, for which ",
                 mamba ? "a Mamba2" : "an MLA", " layer has no place; keep it with --rest attention");
    }
  }

  MlaConfig mla_config(const AttentionConfig& parent, Format format, int64_t rank, int64_t rope_dim) const {
    const bool reference = options_.mla.reference;
    MlaConfig mla;
    mla.hidden = parent.hidden, mla.heads = parent.heads;
    mla.kv_heads = format == Format::x_ecomla || options_.full_kv_head ? parent.heads : parent.kv_heads;
    mla.kv_rank = rank, mla.rope_dim = rope_dim;
    mla.v_dim = options_.v_dim < 0 ? parent.head_dim : options_.v_dim;
    check_key(parent, rank, rope_dim);
    mla.nope_dim = options_.nope_dim >= 0  ? options_.nope_dim
                   : options_.mla.residual ? parent.head_dim
                                           : parent.head_dim - mla.rope_dim;
    mla.q_rank = options_.q_rank >= 0 ? options_.q_rank : reference ? round_up(parent.hidden * 1344 / 2048, 8) : 0;
    mla.lora_norm = options_.lora_norm;
    mla.qkv_bias = parent.qkv_bias;
    if (reference) {
      mla.rope = reference_rope(parent.rope, format);
    } else {
      mla.rope.layout = RopeConfig::Layout::half;
      mla.rope.theta = parent.rope.theta;
      mla.rope.max_position = parent.rope.max_position;
    }
    check(mla, parent);
    return mla;
  }

  int64_t rank_of(int64_t layer) const {
    const auto single = options_.kv_ranks.find(layer);
    return single == options_.kv_ranks.end() ? options_.kv_rank : single->second;
  }

  int64_t rope_dim_of(int64_t layer) const {
    const auto single = options_.rope_dims.find(layer);
    return single == options_.rope_dims.end() ? options_.rope_dim : single->second;
  }

  void check_key(const AttentionConfig& parent, int64_t rank, int64_t rope) const {
    if (rank < 1) fail_usage("--kv-rank: expected a rank from 1 to ", parent.hidden, ", found ", rank);
    if (rope < 2 || rope % 2 || rope > parent.head_dim) {
      fail_usage("--rope-dim: expected an even number from 2 to the head_dim ", parent.head_dim, ", found ", rope);
    }
    const auto& pairs = options_.rope_pairs;
    if (!pairs.empty() && pairs.back() >= parent.head_dim / 2) {
      fail_usage("--rope-pairs: the teacher has ", parent.head_dim / 2, " frequencies, from 0 on, found ",
                 pairs.back());
    }
  }

  void check(const MlaConfig& mla, const AttentionConfig& parent) const {
    const bool reference = options_.mla.reference;
    const int64_t rows = mla.kv_heads * (reference ? 2 * parent.head_dim : mla.nope_dim + mla.v_dim);
    const int64_t largest = std::min(parent.hidden + (parent.qkv_bias ? 1 : 0), rows);
    if (mla.kv_rank > largest) {
      fail_usage("--kv-rank ", mla.kv_rank, ": keys and values of a layer have rank ", largest,
                 " at most; choose a rank up to that");
    }
    const int64_t q_largest = std::min(parent.hidden, parent.heads * parent.head_dim);
    if (mla.q_rank > q_largest) {
      fail_usage("--q-rank ", mla.q_rank, ": the query projection has rank ", q_largest, " at most; use \"exact\"");
    }
    if (mla.v_dim != parent.head_dim) {
      fail_usage("--v-dim ", mla.v_dim, ": values keep the teacher's head_dim ", parent.head_dim,
                 ", since the output projection is inherited");
    }
    if (reference && (mla.nope_dim < 0 || mla.nope_dim > parent.head_dim)) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected 0 to the head_dim ", parent.head_dim);
    }
    if (reference && (mla.kv_rank % 8 || mla.q_rank % 8)) {
      fail_usage("--init reference: AMD's ranks are multiples of 8, found --kv-rank ", mla.kv_rank, " and q rank ",
                 mla.q_rank);
    }
    if (reference && mla.q_rank == 0) {
      fail_usage("--q-rank exact: AMD's initialisation factors the query; give a rank or use --init refined");
    }
    if (!reference &&
        (mla.nope_dim == 0 || (mla.nope_dim != parent.head_dim && mla.nope_dim != parent.head_dim - mla.rope_dim))) {
      fail_usage("--nope-dim ", mla.nope_dim, ": expected the head_dim ", parent.head_dim,
                 " (what the shared key leaves is kept) or, below it, ", parent.head_dim,
                 " - rope-dim = ", parent.head_dim - mla.rope_dim, " (only the frequencies that lose their rotation)");
    }
    if (!reference && (options_.full_kv_head || mla.lora_norm)) {
      fail_usage("--full-kv-head and --lora-norm belong to --init reference");
    }
  }

  Mamba2Config mamba2_config(const AttentionConfig& parent) const {
    Mamba2Config mamba;
    mamba.hidden = parent.hidden, mamba.heads = parent.heads, mamba.kv_heads = parent.kv_heads;
    mamba.head_dim = parent.head_dim;
    mamba.repeat_kv_before_conv = options_.repeat_kv_before_conv;
    if (!options_.mamba2.reference && parent.head_dim < 2) {
      fail_input("head_dim ", parent.head_dim, ": a Mamba2 layer needs at least 2");
    }
    return mamba;
  }

  const ModelConfig& teacher_;
  const StudentOptions& options_;
};

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
  options.mla_layers = settings.mla_layers, options.mamba2_layers = settings.mamba2_layers;
  options.rest = static_cast<Rest>(place_of("--rest", settings.rest, {"mamba2", "attention"}));
  place_of("--init", settings.init, {"refined", "reference"});
  options.mla = settings.mla_init.empty() ? parse_mla_ideas(settings.init, "--init")
                                          : parse_mla_ideas(settings.mla_init, "--mla-init");
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
                   .on_student = place_of("--refit-on", settings.refit_on, {"student", "teacher"}) == 0};
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

void use_selection(ConvertSettings& settings, const LayerSelection& selection) {
  settings.mla_layers = selection.mla_layers;
  if (settings.rope_dim == 0) settings.rope_dim = selection.rope_dim;
  // Ranks that flags give, or that a rule or a search shall choose, go before the selection's.
  const bool chosen = settings.kv_rank > 0 || settings.rank != "fixed" || settings.split != "fixed";
  if (!chosen && settings.kv_ranks.empty()) settings.kv_ranks = selection.kv_ranks;
}

void read_selection(ConvertSettings& settings) {
  if (!settings.mla_layers.ends_with(".json")) return;
  const std::string file = settings.mla_layers;
  const Json json = read_json(file);
  const auto layers = json_get<std::vector<int64_t>>(json, "mla_layers", file);
  LayerSelection selection{.mla_layers = layers.empty() ? "none" : list_text(layers)};
  if (json.contains("kv_ranks")) {
    const Json& given = json["kv_ranks"];
    if (!given.is_object()) fail_input(file, ": kv_ranks: expected {\"LAYER\": RANK, ..}, found ", given.dump());
    std::vector<std::string> ranks;
    for (const auto& [layer, rank] : given.items()) {
      ranks.push_back(cat(layer, ":", json_get<int64_t>(given, layer, file)));
    }
    selection.kv_ranks = join(ranks, ",");
    selection.rope_dim = json_get<int64_t>(json, "rope_dim", file);
  }
  use_selection(settings, selection);
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

ModelConfig plan_student(const ModelConfig& teacher, const StudentOptions& options) {
  return Planner(teacher, options).plan();
}

}  // namespace zebra
