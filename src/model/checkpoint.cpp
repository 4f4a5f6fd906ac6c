// Whole models from and to folders.
#include "model/checkpoint.h"

#include <cctype>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "layers/parameters.h"
#include "model/tensor_io.h"

namespace zebra {

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

std::string quoted(const std::string& name) {
  return Json(name.substr(0, 160)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

[[noreturn]] void fail_shape(const WeightSource& source, const std::string& name, at::IntArrayRef expected) {
  const std::string found = source.has(name) ? "shape " + shape_text(source.shape(name)) : "no such tensor";
  fail_input(source.where(), ": tensor ", quoted(name), ": expected shape ", shape_text(expected.vec()), ", found ",
             found);
}

// Some files of tied models hold the shared matrix as the head's only.
bool head_stands_for_embedding(const WeightSource& source, const ModelConfig& config) {
  return config.tied && !source.has(kEmbedding) && source.has(kHead);
}

// Buffers that some programs store beside the parameters.
bool is_buffer(const std::string& name) {
  return name.find(".rotary_emb.") != std::string::npos;
}

// Under whose terms the model stands: these travel with everything that is made of it.
bool is_licence(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* begin : {"license", "licence", "notice", "copying", "use_policy", "use-policy", "acceptable_use"}) {
    if (name.starts_with(begin)) return true;
  }
  return false;
}

// transformers 4 ignores the head of such a file and version 5 takes it: two models, so neither is guessed.
void refuse_other_head(const WeightSource& source, const ModelConfig& config) {
  if (!config.tied || !source.has(kHead) || !source.has(kEmbedding)) return;
  if (at::equal(source.get(kHead), source.get(kEmbedding))) return;
  fail_input(source.where(), ": tensor \"", kHead, "\": expected the values of ", kEmbedding,
             ", because config.json says tie_word_embeddings, found others; set tie_word_embeddings to false to use "
             "this head (as transformers 5 does), or take the tensor out to use the embedding (as version 4 does)");
}

}  // namespace

std::vector<WeightWriter::Entry> parameter_plan(const ModelConfig& config) {
  const at::ScalarType stored = scalar_type_named(config.dtype);
  Model model(config, at::TensorOptions().dtype(stored).device(at::kMeta));
  std::vector<WeightWriter::Entry> plan;
  model.parameters([&](const Parameter& parameter, at::Tensor& value) {
    plan.push_back({parameter.name, value.sizes().vec(), parameter_dtype(parameter.role, stored)});
  });
  return plan;
}

void check_weights(const WeightSource& source, const ModelConfig& config) {
  std::set<std::string> expected;
  for (const auto& entry : parameter_plan(config)) {
    const bool use_head = entry.name == kEmbedding && head_stands_for_embedding(source, config);
    const std::string name = use_head ? kHead : entry.name;
    if (!source.has(name) || source.shape(name) != entry.shape) fail_shape(source, name, entry.shape);
    const auto type = source.dtype(name);
    if (!at::isFloatingType(type)) {
      fail_input(source.where(), ": tensor ", quoted(name), ": expected floating-point values, found ",
                 scalar_type_name(type));
    }
    expected.insert(name);
  }
  const std::vector<int64_t> head_shape{config.vocab, config.hidden};
  for (const auto& name : source.names()) {
    if (expected.count(name) || is_buffer(name)) continue;
    if (config.tied && name == kHead && source.shape(name) == head_shape) continue;
    fail_input(source.where(), ": tensor ", quoted(name), ": expected only tensors that config.json calls for, found ",
               "this one with shape ", shape_text(source.shape(name)));
  }
  refuse_other_head(source, config);
}

ParameterVisitor loading_visitor(const WeightSource& source, at::TensorOptions options) {
  return [&source, options](const std::string& name, at::Tensor& value) {
    if (!source.has(name) || at::IntArrayRef(source.shape(name)) != value.sizes()) {
      fail_shape(source, name, value.sizes());
    }
    value = source.get(name).to(options.device(), value.scalar_type());
  };
}

Model load_model(const fs::path& folder, at::TensorOptions options) {
  const ModelConfig config = read_config(folder);
  const auto source = WeightSource::open(folder);
  check_weights(*source, config);
  // Built without memory: every parameter is replaced by what is loaded.
  Model model(config, options.device(at::kMeta));
  const auto load = loading_visitor(*source, options);
  const bool use_head = head_stands_for_embedding(*source, config);
  model.parameters([&](const Parameter& parameter, at::Tensor& value) {
    load(use_head && parameter.role == Role::embedding ? Parameter{kHead, Role::head} : parameter, value);
  });
  return model;
}

void save_model(const fs::path& folder, Model& model) {
  write_config(folder, model.config());
  WeightWriter writer(folder, parameter_plan(model.config()));
  model.parameters([&](const std::string& name, at::Tensor& value) { writer.put(name, value); });
  writer.finish();
}

void copy_companions(const fs::path& from, const fs::path& to) {
  static const char* const kBegins[] = {
      "tokenizer",     "special_tokens_map",        "added_tokens", "generation_config",
      "chat_template", "additional_chat_templates", "vocab",        "merges"};
  static const std::set<std::string> kWeights = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf"};
  for (const auto& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().string();
    bool wanted = false;
    for (const char* begin : kBegins) wanted = wanted || name.rfind(begin, 0) == 0;
    wanted = wanted || is_licence(name);
    if (!wanted || kWeights.count(entry.path().extension().string())) continue;
    std::error_code error;
    if (entry.is_regular_file()) {
      fs::copy_file(entry.path(), to / name, fs::copy_options::overwrite_existing, error);
    } else if (entry.is_directory()) {
      fs::copy(entry.path(), to / name, fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
    }
    if (error) fail(ErrorKind::disk, (to / name).string(), ": cannot be copied: ", error.message());
  }
}

}  // namespace zebra
