#include "train/pretrain.h"

#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "data/documents.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "ops/distillation_kl.h"
#include "train/checkpoint.h"
#include "train/report_page.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// Peak rate for a model of hidden size 64.
constexpr double kRate = 4e-3;

void check_shape(const ModelShape& shape) {
  const auto at_least = [](const char* name, int64_t value, int64_t least) {
    if (value < least || value > (int64_t{1} << 31)) {
      fail_usage("model.", name, ": expected a number from ", least, ", found ", value);
    }
  };
  at_least("hidden", shape.hidden, 1);
  at_least("layers", shape.layers, 1);
  at_least("heads", shape.heads, 1);
  at_least("kv_heads", shape.kv_heads, 0);
  at_least("head_dim", shape.head_dim, 0);
  at_least("intermediate", shape.intermediate, 0);
  at_least("max_position", shape.max_position, 2);
  if (shape.kv_heads > 0 && shape.heads % shape.kv_heads != 0) {
    fail_usage("model.kv_heads: expected a divisor of heads ", shape.heads, ", found ", shape.kv_heads);
  }
  if (shape.head_dim == 0 && shape.hidden % shape.heads != 0) {
    fail_usage("model.heads: expected a divisor of hidden ", shape.hidden, " (or give head_dim), found ", shape.heads);
  }
  if (!(shape.norm_eps > 0 && shape.rope_theta > 0 && shape.init_std > 0)) {
    fail_usage("model: norm_eps, rope_theta and init_std: expected numbers above 0");
  }
}

ModelConfig config_of(const ModelShape& shape, const Tokenizer& tokenizer) {
  ModelConfig config;
  config.model_type = shape.model_type;
  config.vocab = tokenizer.vocab_size();
  config.hidden = shape.hidden;
  config.intermediate = shape.intermediate > 0 ? shape.intermediate : (shape.hidden * 8 / 3 + 15) / 16 * 16;
  config.max_position = shape.max_position;
  config.norm_eps = shape.norm_eps;
  config.tied = shape.tied;
  AttentionConfig attention;
  attention.hidden = shape.hidden;
  attention.heads = shape.heads;
  attention.kv_heads = shape.kv_heads > 0 ? shape.kv_heads : shape.heads;
  attention.head_dim = shape.head_dim > 0 ? shape.head_dim : shape.hidden / shape.heads;
  attention.norm_eps = shape.norm_eps;
  attention.qkv_bias = shape.model_type == "qwen2";
  attention.qk_norm = shape.model_type == "qwen3";
  attention.rope.theta = shape.rope_theta;
  attention.rope.max_position = shape.max_position;
  config.mixers.assign(static_cast<size_t>(shape.layers), attention);
  return config;
}

// BOS and EOS as the tokenizer's own config names them.
void set_special_tokens(ModelConfig& config, const fs::path& folder, const Tokenizer& tokenizer) {
  const fs::path path = folder / "tokenizer_config.json";
  if (!fs::exists(path)) return;
  const Json json = read_json(path);
  const auto id_of = [&](const char* key) -> int64_t {
    if (!json.contains(key) || json[key].is_null()) return -1;
    const Json& token = json[key];
    return tokenizer.token_id(token.is_object() ? json_get<std::string>(token, "content", path.string())
                                                : json_get<std::string>(json, key, path.string()));
  };
  config.bos = id_of("bos_token");
  if (const int64_t eos = id_of("eos_token"); eos >= 0) config.eos = {eos};
}

}  // namespace

PretrainRecipe read_pretrain_recipe(const fs::path& path) {
  PretrainRecipe recipe;
  load_fields(recipe, read_json(path), path.string());
  return recipe;
}

PretrainResult pretrain(PretrainRecipe recipe, bool overwrite, bool resume, const std::string& command) {
  TrainSettings& train_settings = recipe.train;
  const auto need = [](const char* name, bool given) {
    if (!given) fail_usage(name, " is missing from the recipe (and --set)");
  };
  need("tokenizer", !recipe.tokenizer.empty());
  need("data", !recipe.data.empty());
  need("out", !recipe.out.empty());
  need("train.tokens", train_settings.tokens > 0);
  if (recipe.weights != "fp32" && recipe.weights != "bf16") {
    fail_usage("weights: expected fp32 or bf16, found \"", recipe.weights, "\"");
  }
  Inputs inputs(recipe.data.begin(), recipe.data.end());
  inputs.push_back(recipe.tokenizer);
  OutputFolder folder(recipe.out, overwrite, inputs);
  check_shape(recipe.model);
  const Tokenizer tokenizer = Tokenizer::load(recipe.tokenizer);
  ModelConfig config = config_of(recipe.model, tokenizer);
  set_special_tokens(config, recipe.tokenizer, tokenizer);
  config.dtype = recipe.weights == "bf16" ? "bfloat16" : "float32";
  const double rate = kRate / relative_width(config);
  train_settings.scale(config, rate, rate);
  train_settings.check(config.max_position);
  prepare_device(train_settings);

  // A row has one token more than a model sees: the last target.
  const int64_t length = train_settings.length;
  const std::vector<fs::path> files(recipe.data.begin(), recipe.data.end());
  const TokenBlock block = pack_documents(files, tokenizer, {.length = length + 1, .eos = config.document_end()});
  if (block.count() == 0) fail_input(recipe.data.front(), ": expected at least ", length + 1, " tokens, found fewer");
  log_line(cat(block.ids.size(), " tokens of text, ",
               fixed(double(train_settings.tokens) / double(block.ids.size()), 1), " passes"));
  const at::Tensor rows = at::from_blob(const_cast<int32_t*>(block.ids.data()), {block.count(), length + 1}, at::kInt);
  ShuffledOrder order(block.count(), static_cast<uint64_t>(train_settings.seed));

  Model model(config);
  initialise_random(model, static_cast<uint64_t>(train_settings.seed), recipe.model.init_std);
  std::map<std::string, at::Tensor> first;  // fp32 values where the model computes in less
  if (train_settings.dtype != "fp32") {
    model.parameters([&](const std::string& name, at::Tensor& value) { first[name] = value; });
  }
  model.to(train_settings.options());

  TrainTask task{.model = model, .is_new = [](const std::string&) { return true; }};
  task.loss = [&](int64_t begin, int64_t count, const LossSink& add) {
    std::vector<at::Tensor> picked;
    for (int64_t i = 0; i < count; ++i) picked.push_back(rows[order(begin + i)]);
    const at::Tensor ids = at::stack(picked).to(train_settings.options().device(), at::kLong);
    const at::Tensor hidden = model.hidden(ids.narrow(1, 0, length));
    add(ops::head_cross_entropy(hidden.flatten(0, 1), model.head().weight, ids.narrow(1, 1, length).flatten()));
  };
  if (train_settings.dtype != "fp32") task.stored = [&](const std::string& name) { return first.at(name); };
  task.run = run_folder(recipe.out);
  task.identity = identity_of(save_fields(recipe.train));
  task.identity["model"] = save_fields(recipe.model);
  task.identity["tokenizer"] = recipe.tokenizer;
  task.identity["data"] = recipe.data;
  task.identity["text_tokens"] = block.ids.size();
  task.content["text"] = text_content(block.ids);
  task.content["model_config"] = checksum(config);
  task.resume = resume;
  task.label = "pretraining";

  PretrainResult result;
  result.settings = train_settings;
  result.parameters = model.parameter_count();
  result.report = train(task, train_settings);

  save_model(folder.path(), model);
  copy_companions(recipe.tokenizer, folder.path());
  write_summary(folder.path(),
                {.title = fs::path(recipe.out).filename().string(),
                 .origin = recipe.description.empty() ? "Trained from scratch." : recipe.description,
                 .command = command,
                 .report = result.report,
                 .settings = save_fields(recipe)},
                model.config(), task.run);
  folder.commit();
  remove_checkpoints(task.run);
  return result;
}

}  // namespace zebra
