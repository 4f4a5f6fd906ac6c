// zebra inspect: what a model folder holds and what its cache costs.
#include <cstdio>
#include <map>

#include "base/text.h"
#include "cli/verbs.h"
#include "model/checkpoint.h"
#include "model/describe.h"
#include "model/tensor_io.h"

namespace zebra::cli {

namespace {

struct Inspection {
  ModelConfig config;
  int64_t parameters = 0;
  std::map<std::string, int64_t> dtypes;  // numbers stored in each type
  CacheCost cost;
  std::vector<int64_t> lengths;  // at which the whole cache is shown

  std::string main_dtype() const {
    std::string best;
    for (const auto& [name, count] : dtypes) {
      if (best.empty() || count > dtypes.at(best)) best = name;
    }
    return best;
  }
};

Inspection inspect(const fs::path& folder, const std::vector<int64_t>& lengths) {
  Inspection result;
  result.config = read_config(folder);
  const auto source = WeightSource::open(folder);
  check_weights(*source, result.config);
  for (const auto& entry : parameter_plan(result.config)) {
    int64_t count = 1;
    for (const int64_t dim : entry.shape) count *= dim;
    result.parameters += count;
    if (source->has(entry.name)) result.dtypes[scalar_type_name(source->dtype(entry.name))] += count;
  }
  result.cost = cache_cost(result.config);
  result.lengths = lengths.empty() ? usual_lengths(result.config) : lengths;
  return result;
}

const char* format_name(Format format) {
  if (format == Format::zebra_llama) return "zebra-llama";
  return format == Format::x_ecomla ? "x-ecomla" : "huggingface";
}

Json layer_json(const MixerConfig& mixer) {
  Json out = {{"kind", mixer->kind()}};
  mixer->describe(out);
  return out;
}

std::string layer_text(const MixerConfig& mixer) {
  std::string kind = mixer->kind();
  kind.resize(11, ' ');
  return kind + mixer->shape();
}

// "260032" -> "260,032"
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

Json contexts_json(const Inspection& result) {
  Json out = Json::array();
  for (const int64_t length : result.lengths) {
    const CacheUse use = cache_at(result.config, length);
    out.push_back({{"tokens", length},
                   {"cache_bytes", use.bytes},
                   {"base_cache_bytes", use.base_bytes},
                   {"kv_percent", use.percent()}});
  }
  return out;
}

Json to_json(const Inspection& result) {
  const auto& config = result.config;
  Json layers = Json::array();
  for (const auto& mixer : config.mixers) layers.push_back(layer_json(mixer));
  return {{"family", config.model_type},
          {"format", format_name(config.format)},
          {"hidden", config.hidden},
          {"intermediate", config.intermediate},
          {"vocab", config.vocab},
          {"max_position", config.max_position},
          {"tied", config.tied},
          {"parameters", result.parameters},
          {"dtype", result.main_dtype()},
          {"cache_bytes_per_token", result.cost.per_token},
          {"cache_bytes_per_sequence", result.cost.per_sequence},
          {"base_cache_bytes_per_token", result.cost.base_per_token},
          {"base_cache_bytes_per_sequence", result.cost.base_per_sequence},
          {"kv_percent", result.cost.percent()},
          {"contexts", contexts_json(result)},
          {"unknown_keys", config.unknown_keys},
          {"layers", layers}};
}

void print_text(const Inspection& result) {
  const auto& config = result.config;
  std::string out = cat("family      ", config.model_type, " (", format_name(config.format), " folder)\n");
  out += cat("shape       ", config.layers(), " layers, hidden ", config.hidden, ", MLP ", config.intermediate,
             ", vocabulary ", config.vocab, ", context ", config.max_position, config.tied ? ", tied head\n" : "\n");
  out += cat("parameters  ", grouped(result.parameters), " (", result.main_dtype(), ")\n");
  out += cat("cache       ", grouped(static_cast<int64_t>(result.cost.per_token)), " bytes per token + ",
             grouped(static_cast<int64_t>(result.cost.per_sequence)),
             " bytes per sequence (2 bytes a number, states 4)\n");
  out += cat("KV          ", fixed(result.cost.percent(), 2), " % of the attention model's ",
             grouped(static_cast<int64_t>(result.cost.base_per_token)), " bytes per token",
             result.cost.base_per_sequence > 0
                 ? cat(" + ", grouped(static_cast<int64_t>(result.cost.base_per_sequence)), " bytes per sequence\n")
                 : "\n");
  for (const int64_t length : result.lengths) {
    const CacheUse use = cache_at(config, length);
    out += cat("  ", padded(grouped(length), 8), "  ", fixed(use.percent(), 2), " %, ",
               grouped(static_cast<int64_t>(use.bytes)), " of ", grouped(static_cast<int64_t>(use.base_bytes)),
               " bytes for so many tokens\n");
  }
  out += "layers\n";
  for (size_t begin = 0, end; begin < config.mixers.size(); begin = end) {
    const std::string text = layer_text(config.mixers[begin]);
    for (end = begin + 1; end < config.mixers.size() && layer_text(config.mixers[end]) == text;) ++end;
    std::string range = end - begin > 1 ? cat(begin, "-", end - 1) : cat(begin);
    range.resize(std::max<size_t>(range.size(), 8), ' ');
    out += "  " + range + "  " + text + "\n";
  }
  std::fputs(out.c_str(), stdout);
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    std::string folder;
    std::vector<int64_t> lengths;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("inspect", "what a model folder holds, layer by layer, and what its cache costs");
  verb->add_option("DIR", options->folder, "model folder")->required();
  verb->add_option("--context", options->lengths,
                   "lengths at which the whole cache of a sequence is shown, states included (default: 2048, 8192 and "
                   "131072 below the model's context, and that)")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  verb->add_flag("--json", options->json, "print JSON");
  verb->callback([options] {
    const Inspection result = inspect(options->folder, options->lengths);
    if (options->json) {
      std::printf("%s\n", to_json(result).dump(2).c_str());
    } else {
      print_text(result);
    }
  });
}

}  // namespace zebra::cli
