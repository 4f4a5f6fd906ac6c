#include "model/config_files.h"

#include <mutex>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/foreign_folder.h"
#include "io/json_limit.h"
#include "model/adapters.h"
#include "model/architecture.h"
#include "model/hybrid_name.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

constexpr const char* kConfig = "config.json";
constexpr const char* kGeneration = "generation_config.json";
constexpr const char* kHybrid = "hybrid_config.json";
constexpr const char* kEcoHybrid = "MLA_config.json";
constexpr const char* kEcoMla = "mla_layer_config.json";

// False also where the folder cannot be searched.
bool has_file(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

ConfigReader reader(const fs::path& path) {
  return {read_json(path), path.string()};
}

// Python writes Infinity and NaN bare, which is not JSON. As strings they are read, and the key that has no place for
// one says so.
std::string quote_python_numbers(const std::string& text) {
  std::string out;
  bool inside = false;  // a string
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i);
    const auto begins = [&](std::string_view word) { return !inside && rest.starts_with(word); };
    size_t length = 0;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) length = begins(word) ? word.size() : length;
    if (length > 0) {
      out += '"' + text.substr(i, length) + '"';
      i += length - 1;
      continue;
    }
    out += text[i];
    if (text[i] == '\\' && inside && i + 1 < text.size())
      out += text[++i];
    else if (text[i] == '"')
      inside = !inside;
  }
  return out;
}

Json read_config_json(const fs::path& path) {
  return parse_json(quote_python_numbers(read_file(path, kJsonLimit)), path.string());
}

// The stop tokens that generation uses go before those of config.json.
void read_generation(ModelConfig& model, const ConfigReader& generation) {
  if (generation.has("eos_token_id")) {
    const auto& value = generation.object()["eos_token_id"];
    model.eos = value.is_array()
                    ? json_get<std::vector<int64_t>>(generation.object(), "eos_token_id", generation.where())
                    : std::vector<int64_t>{generation.integer("eos_token_id", INT64_MIN, INT64_MAX)};
  }
  if (model.bos < 0) model.bos = generation.integer("bos_token_id", -1, 0, INT32_MAX);
}

// What the file of the layers says again must be what config.json says.
void check_agreement(const ModelConfig& model, const ConfigReader& hybrid) {
  hybrid.agree("hidden_size", model.hidden);
  hybrid.agree("d_model", model.hidden);
  hybrid.agree("intermediate_size", model.intermediate);
  hybrid.agree("n_layer", model.layers());
  if (hybrid.positive("rms_norm_eps", model.norm_eps) != model.norm_eps) {
    hybrid.fail("rms_norm_eps", "expected ", model.norm_eps, " as config.json says, found ",
                hybrid.found("rms_norm_eps"));
  }
  if (hybrid.text("hidden_act", model.hidden_act) != model.hidden_act) {
    hybrid.fail("hidden_act", "expected ", model.hidden_act, " as config.json says, found ",
                hybrid.found("hidden_act"));
  }
}

ModelConfig parse(const ConfigFiles& files, const std::string& where) {
  const Json base = with_base_name(files.config, where + kConfig, !files.hybrid.empty());
  ModelConfig model = read_huggingface({base, where + kConfig});
  check_config(model, where + kConfig);
  if (!files.mla.empty()) {
    const ConfigReader hybrid(files.hybrid, where + kEcoHybrid);
    check_agreement(model, hybrid);
    read_x_ecomla(model, hybrid, {files.mla, where + kEcoMla});
    check_config(model, where + kEcoMla);
  } else if (!files.hybrid.empty()) {
    const ConfigReader hybrid(files.hybrid, where + kHybrid);
    check_agreement(model, hybrid);
    read_zebra_llama(model, hybrid);
    check_config(model, where + kHybrid);
  }
  return model;
}

// Once for every file that a program reads.
void warn_of_unknown_keys(const ModelConfig& model, const std::string& file) {
  static std::mutex mutex;
  static std::set<std::string> said;
  if (model.unknown_keys.empty()) return;
  const std::lock_guard<std::mutex> lock(mutex);
  if (!said.insert(file).second) return;
  log_warning(cat(file, ": ", join(model.unknown_keys, ", "), ": not known for model_type ", model.model_type,
                  "; what is computed does not depend on it, so make sure that it need not"));
}

// A folder that would be read back as another model is never written.
void check_read_back(const ModelConfig& model, const ConfigFiles& files) {
  const ModelConfig back = parse(files, "");
  const auto expect = [](bool same, const auto&... what) {
    if (!same) fail(ErrorKind::runtime, "config cannot be written in this format: ", what...);
  };
  expect(back.format == model.format, "another format would be read back");
  expect(back.vocab == model.vocab && back.hidden == model.hidden && back.intermediate == model.intermediate &&
             back.max_position == model.max_position,
         "its sizes would be read back differently");
  expect(back.hidden_act == model.hidden_act && back.norm_eps == model.norm_eps && back.tied == model.tied &&
             back.mlp_bias == model.mlp_bias && back.dtype == model.dtype,
         "hidden_act, rms_norm_eps, tie_word_embeddings, mlp_bias or dtype would be read back differently");
  for (int64_t layer = 0; layer < model.layers(); ++layer) {
    const auto index = static_cast<size_t>(layer);
    expect(back.mixers[index].canonical() == model.mixers[index].canonical(), "layer ", layer, " (",
           model.mixers[index]->key(), ") would be read back differently");
  }
}

}  // namespace

ModelConfig read_config(const fs::path& folder) {
  check_model_folder(folder);
  ConfigFiles files;
  files.config = read_config_json(folder / kConfig);
  const bool zebra = has_file(folder / kHybrid);
  const bool eco = has_file(folder / kEcoHybrid) || has_file(folder / kEcoMla);
  if (zebra && eco) {
    fail_input(folder.string(), ": expected ", kHybrid, " or ", kEcoHybrid, " with ", kEcoMla, ", found both");
  }
  if (zebra) files.hybrid = reader(folder / kHybrid).object();
  if (eco) {
    files.hybrid = reader(folder / kEcoHybrid).object();
    files.mla = reader(folder / kEcoMla).object();
  }
  if ((zebra && files.hybrid.empty()) || (eco && files.mla.empty())) {
    fail_input((folder / (zebra ? kHybrid : kEcoMla)).string(),
               ": expected settings of the layers, found an empty object");
  }
  ModelConfig model = parse(files, (folder / "").string());
  if (has_file(folder / kGeneration)) read_generation(model, reader(folder / kGeneration));
  warn_of_unknown_keys(model, (folder / kConfig).string());
  return model;
}

namespace {

void write_files(const fs::path& folder, const ModelConfig& model, bool own_name) {
  check_config(model, "model");
  ConfigFiles files{model.raw_config, Json::object(), Json::object()};
  write_huggingface(files.config, model);
  if (model.format == Format::zebra_llama) {
    files.hybrid = model.raw_hybrid;
    write_zebra_llama(files.hybrid, model);
  } else if (model.format == Format::x_ecomla) {
    files.hybrid = model.raw_hybrid;
    files.mla = model.raw_mla;
    write_x_ecomla(files.hybrid, files.mla, model);
  }
  if (own_name && model.format != Format::huggingface) files.config = with_hybrid_name(files.config);
  check_read_back(model, files);
  write_json(folder / kConfig, files.config);
  if (model.format == Format::zebra_llama) write_json(folder / kHybrid, files.hybrid);
  if (model.format == Format::x_ecomla) {
    write_json(folder / kEcoHybrid, files.hybrid);
    write_json(folder / kEcoMla, files.mla);
  }
}

}  // namespace

void write_config(const fs::path& folder, const ModelConfig& model) {
  write_files(folder, model, true);
}

void write_amd_config(const fs::path& folder, const ModelConfig& model) {
  write_files(folder, model, false);
}

Json architecture_json(const ModelConfig& config) {
  ModelConfig plain = config;
  plain.raw_config = plain.raw_hybrid = plain.raw_mla = Json::object();
  Json model = Json::object(), hybrid = Json::object(), mla = Json::object(), windows = Json::array();
  write_huggingface(model, plain);
  if (plain.format == Format::zebra_llama) write_zebra_llama(hybrid, plain);
  if (plain.format == Format::x_ecomla) write_x_ecomla(hybrid, mla, plain);
  for (const auto& mixer : plain.mixers) {
    const auto* attention = mixer.as<AttentionConfig>();
    windows.push_back(attention ? attention->sliding_window : 0);
  }
  return {{"config", model}, {"hybrid", hybrid}, {"mla", mla}, {"windows", windows}};
}

}  // namespace zebra
