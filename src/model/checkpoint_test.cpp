// Weights from and to folders: every kind of file, every way in which one can be wrong.
#include "model/checkpoint.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "io/safetensors.h"
#include "model/tensor_io.h"
#include "support/scratch.h"
#include "support/torch_archive.h"

namespace zebra {
namespace {

ModelConfig tiny(bool tied = false) {
  ModelConfig model;
  model.model_type = "llama";
  model.vocab = 20, model.hidden = 8, model.intermediate = 12, model.max_position = 64;
  model.tied = tied;
  model.eos = {2};
  AttentionConfig c;
  c.hidden = 8, c.heads = 2, c.kv_heads = 1, c.head_dim = 4;
  c.rope.max_position = 64;
  model.mixers.assign(2, c);
  return model;
}

ModelConfig tiny_hybrid() {
  ModelConfig model = tiny();
  model.format = Format::zebra_llama;
  MlaConfig a;
  a.hidden = 8, a.heads = 2, a.kv_heads = 1, a.kv_rank = 4, a.nope_dim = 4, a.rope_dim = 2, a.v_dim = 4;
  a.rope.layout = RopeConfig::Layout::half;
  Mamba2Config m;
  m.hidden = 8, m.heads = 2, m.kv_heads = 1, m.head_dim = 4;
  model.mixers = {a, m};
  return model;
}

using Tensors = std::map<std::string, at::Tensor>;

Tensors tensors_of(Model& model) {
  Tensors out;
  model.parameters([&](const std::string& name, at::Tensor& value) { out[name] = value.clone(); });
  return out;
}

void write_safetensors(const fs::path& path, const Tensors& tensors) {
  std::vector<SafetensorsWriter::Entry> plan;
  for (const auto& [name, value] : tensors)
    plan.push_back({name, stored_dtype(value.scalar_type()), value.sizes().vec()});
  SafetensorsWriter writer(path, plan);
  for (const auto& [name, value] : tensors) writer.append(name, value.const_data_ptr(), value.nbytes());
  writer.finish();
}

std::string pickled(const Tensors& tensors) {
  testing::Records members;
  std::vector<std::string> storages;
  for (const auto& [name, value] : tensors) {
    const std::string type = value.scalar_type() == at::kFloat ? "FloatStorage" : "BFloat16Storage";
    const std::string storage = testing::storage(type, std::to_string(storages.size()), value.numel());
    members.emplace_back(name, testing::tensor(storage, 0, value.sizes().vec(), value.strides().vec()));
    storages.emplace_back(static_cast<const char*>(value.const_data_ptr()), value.nbytes());
  }
  return testing::torch_archive(testing::dictionary(members), storages);
}

// A folder with the config of `model` and no weights yet.
struct Folder : ScratchFolder {
  explicit Folder(const ModelConfig& model) { write_config(path, model); }
};

void expect_equal(const Tensors& found, const Tensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(found.count(name)) << name;
    EXPECT_TRUE(at::equal(found.at(name), value)) << name;
  }
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
}

TEST(Checkpoint, LoadsWhatItSaves) {
  for (const ModelConfig& config : {tiny(), tiny(true), tiny_hybrid()}) {
    Model model(config);
    initialise_random(model, 3);
    const ScratchFolder folder;
    save_model(folder.path, model);
    Model back = load_model(folder.path);
    expect_equal(tensors_of(back), tensors_of(model));
    EXPECT_EQ(back.config().mixers.size(), config.mixers.size());
    EXPECT_EQ(back.parameter_count(), model.parameter_count());
  }
}

TEST(Checkpoint, InitialisationIsAFunctionOfTheSeed) {
  Model a(tiny_hybrid()), b(tiny_hybrid()), c(tiny_hybrid());
  initialise_random(a, 3);
  initialise_random(b, 3);
  initialise_random(c, 4);
  expect_equal(tensors_of(a), tensors_of(b));
  Tensors first = tensors_of(a), other = tensors_of(c);
  EXPECT_FALSE(at::equal(first["lm_head.weight"], other["lm_head.weight"]));
  EXPECT_FALSE(at::equal(first["model.layers.0.mlp.gate_proj.weight"], first["model.layers.1.mlp.gate_proj.weight"]));
  EXPECT_NEAR(first["lm_head.weight"].std().item<double>(), 0.02, 0.004);
  EXPECT_TRUE(at::equal(first["model.norm.weight"], at::ones(8)));
  EXPECT_TRUE(at::equal(first["model.layers.1.mamba.D"], at::ones(2)));
  const at::Tensor step = at::softplus(first["model.layers.1.mamba.dt_bias"]);
  EXPECT_TRUE((step >= 0.99e-3).logical_and(step <= 0.101).all().item<bool>());
  const at::Tensor decay = first["model.layers.1.mamba.A_log"].exp();
  EXPECT_TRUE((decay >= 1).logical_and(decay <= 16).all().item<bool>());
}

TEST(Checkpoint, ShardsAndIndex) {
  Model model(tiny());
  initialise_random(model, 5);
  const Tensors expected = tensors_of(model);
  for (const size_t shard_bytes : {size_t{1}, size_t{1000}, size_t{1} << 30}) {
    const Folder folder(tiny());
    WeightWriter writer(folder.path, parameter_plan(tiny()), shard_bytes);
    model.parameters([&](const std::string& name, at::Tensor& value) { writer.put(name, value); });
    writer.finish();
    EXPECT_EQ(fs::exists(folder.path / "model.safetensors"), shard_bytes == size_t{1} << 30);
    if (shard_bytes < size_t{1} << 30) {
      const Json index = read_json(folder.path / "model.safetensors.index.json");
      EXPECT_EQ(index["weight_map"].size(), expected.size());
      EXPECT_EQ(index["metadata"]["total_size"], model.parameter_count() * 4);
      EXPECT_EQ(index["weight_map"]["lm_head.weight"].get<std::string>().substr(0, 6), "model-");
    }
    Model back = load_model(folder.path);
    expect_equal(tensors_of(back), expected);
  }
}

TEST(Checkpoint, WriterHoldsToItsPlan) {
  const ScratchFolder folder;
  const std::vector<WeightWriter::Entry> plan = {{"a", {2, 2}, at::kBFloat16}, {"b", {1}, at::kFloat}};
  {
    WeightWriter writer(folder.path, plan);
    EXPECT_THROW(writer.put("b", at::zeros({1})), Error);
    EXPECT_THROW(writer.put("a", at::zeros({4})), Error);
    writer.put("a", at::full({2, 2}, 1.5).t());
    EXPECT_THROW(writer.finish(), Error);
  }
  EXPECT_FALSE(fs::exists(folder.path / "model.safetensors"));
  WeightWriter writer(folder.path, plan);
  writer.put("a", at::arange(4, at::kFloat).view({2, 2}).t());
  writer.put("b", at::ones({1}));
  EXPECT_THROW(writer.put("c", at::ones({1})), Error);
  writer.finish();
  const auto source = WeightSource::open(folder.path);
  EXPECT_EQ(source->dtype("a"), at::kBFloat16);
  EXPECT_TRUE(at::equal(source->get("a").to(at::kFloat), at::arange(4, at::kFloat).view({2, 2}).t()));
}

TEST(Checkpoint, HalfPrecisionKeepsNormsInFp32) {
  ModelConfig config = tiny_hybrid();
  config.dtype = "bfloat16";
  Model model(config, at::kBFloat16);
  initialise_random(model, 3);
  const ScratchFolder folder;
  save_model(folder.path, model);
  const auto source = WeightSource::open(folder.path);
  EXPECT_EQ(source->dtype("lm_head.weight"), at::kBFloat16);
  EXPECT_EQ(source->dtype("model.norm.weight"), at::kFloat);
  EXPECT_EQ(source->dtype("model.layers.1.mamba.A_log"), at::kFloat);
  Model back = load_model(folder.path, at::kBFloat16);
  expect_equal(tensors_of(back), tensors_of(model));
  EXPECT_EQ(load_model(folder.path).embedding().scalar_type(), at::kFloat);
}

TEST(Checkpoint, MissingSurplusAndMisshapenTensors) {
  Model model(tiny());
  initialise_random(model, 1);
  const Tensors good = tensors_of(model);
  const std::string name = "model.layers.1.self_attn.k_proj.weight";
  const auto error_with = [&](const std::function<void(Tensors&)>& change) {
    const Folder folder(tiny());
    Tensors tensors = good;
    change(tensors);
    write_safetensors(folder.path / "model.safetensors", tensors);
    return error_of([&] { load_model(folder.path); });
  };
  EXPECT_EQ(error_with([](Tensors&) {}), "");
  expect_words(error_with([&](Tensors& t) { t.erase(name); }), {name, "[4, 8]", "no such tensor"});
  expect_words(error_with([&](Tensors& t) { t[name] = at::zeros({8, 4}); }), {name, "[4, 8]", "[8, 4]"});
  expect_words(error_with([&](Tensors& t) { t[name] = at::zeros({4, 8}, at::kLong); }), {name, "int64"});
  expect_words(error_with([&](Tensors& t) { t["extra.weight"] = at::zeros({3}); }), {"extra.weight", "[3]"});
  // Buffers that older programs stored are no surplus.
  EXPECT_EQ(error_with([&](Tensors& t) { t["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::zeros({2}); }), "");
}

TEST(Checkpoint, TiedHeads) {
  Model model(tiny(true));
  initialise_random(model, 1);
  const Tensors good = tensors_of(model);
  ASSERT_FALSE(good.count("lm_head.weight"));
  const auto load_with = [&](const std::function<void(Tensors&)>& change) {
    const Folder folder(tiny(true));
    Tensors tensors = good;
    change(tensors);
    write_safetensors(folder.path / "model.safetensors", tensors);
    Model back = load_model(folder.path);
    EXPECT_TRUE(back.head().weight.is_same(back.embedding()) || at::equal(back.head().weight, back.embedding()));
    expect_equal(tensors_of(back), good);
  };
  const std::string embedding = "model.embed_tokens.weight", head = "lm_head.weight";
  load_with([](Tensors&) {});
  load_with([&](Tensors& t) { t[head] = t[embedding].clone(); });
  load_with([&](Tensors& t) {
    t[head] = t[embedding];
    t.erase(embedding);
  });
  const Folder folder(tiny(true));
  Tensors wrong = good;
  wrong[head] = at::zeros({2, 2});
  write_safetensors(folder.path / "model.safetensors", wrong);
  expect_words(error_of([&] { load_model(folder.path); }), {head, "[2, 2]"});
  // transformers 4 and 5 make two models of this one.
  wrong[head] = good.at(embedding) + 1;
  write_safetensors(folder.path / "model.safetensors", wrong);
  expect_words(error_of([&] { load_model(folder.path); }), {head, "tie_word_embeddings", "to false"});
}

// Saved without the head, as LlamaModel.save_pretrained does: the same tensors without "model." before their names.
TEST(Checkpoint, NamesOfABaseModel) {
  for (const bool tied : {true, false}) {
    Model model(tiny(tied));
    initialise_random(model, 1);
    const Tensors good = tensors_of(model);
    Tensors base;
    for (const auto& [name, value] : good) base[name.rfind("model.", 0) == 0 ? name.substr(6) : name] = value;
    const Folder folder(tiny(tied));
    write_safetensors(folder.path / "model.safetensors", base);
    Model back = load_model(folder.path);
    expect_equal(tensors_of(back), good);
    base.erase("norm.weight");
    write_safetensors(folder.path / "model.safetensors", base);
    expect_words(error_of([&] { load_model(folder.path); }), {"model.norm.weight", "no such tensor"});
  }
  // An untied model whose head is missing is no model.
  Model model(tiny(false));
  initialise_random(model, 1);
  Tensors base;
  for (const auto& [name, value] : tensors_of(model)) {
    if (name.rfind("model.", 0) == 0) base[name.substr(6)] = value;
  }
  const Folder folder(tiny(false));
  write_safetensors(folder.path / "model.safetensors", base);
  expect_words(error_of([&] { load_model(folder.path); }), {"lm_head.weight", "no such tensor"});
}

TEST(Checkpoint, IndexFiles) {
  const ScratchFolder folder;
  write_safetensors(folder.path / "a.safetensors", {{"x", at::ones({2})}});
  const auto error_with = [&](const std::string& index) {
    folder.put("model.safetensors.index.json", index);
    return error_of([&] { WeightSource::open(folder.path); });
  };
  EXPECT_EQ(error_with(R"({"weight_map": {"x": "a.safetensors"}})"), "");
  expect_words(error_with(R"({"weight_map": {"y": "a.safetensors"}})"), {"a.safetensors", "\"y\"", "no such tensor"});
  expect_words(error_with(R"({"weight_map": {"x": "b.safetensors"}})"), {"b.safetensors"});
  for (const char* bad : {"../a.safetensors", "/etc/passwd", "", "..", "sub/a.safetensors"}) {
    expect_words(error_with(Json({{"weight_map", {{"x", bad}}}}).dump()), {"\"x\"", "same folder"});
  }
  expect_words(error_with(R"({"weight_map": {"x": 3}})"), {"\"x\"", "a string"});
  expect_words(error_with(R"({"weight_map": {}})"), {"weight_map"});
  expect_words(error_with(R"({"weight_map": {"x": ["a.safetensors"]}})"), {"\"x\"", "a string"});
  expect_words(error_with(R"({"weight_map": {"x": "a.safetensors", "y": "b", "x": "a.safetensors"}})"),
               {"\"x\" twice"});
  expect_words(error_with(R"({"weight_map": {"x": "a.safetensors"}, "weight_map": {}})"), {"weight_map", "second"});
  expect_words(error_with(R"({"weight_map": ["x"]})"), {"weight_map", "an object"});
  expect_words(error_with(R"([])"), {"an object"});
  expect_words(error_with(std::string("{\"weight_map\": {\"x\": \"a.safetensors\"}}\0", 39)), {"NUL", "byte 39"});
  std::string many = R"({"weight_map": {"x": "a.safetensors")";
  for (int i = 0; i < 200000; ++i) many += ",\"t" + std::to_string(i) + R"(": "a.safetensors")";
  expect_words(error_with(many + "}}"), {"a.safetensors", "\"t0\"", "as the index says"});
  expect_words(error_with("{}"), {"weight_map"});
  fs::remove(folder.path / "model.safetensors.index.json");
  expect_words(error_of([&] { WeightSource::open(folder.path); }), {"model.safetensors", "pytorch_model.bin"});
}

TEST(Checkpoint, PickledWeights) {
  Model model(tiny());
  initialise_random(model, 9);
  const Tensors expected = tensors_of(model);
  const Folder folder(tiny());
  folder.put("pytorch_model.bin", pickled(expected));
  Model back = load_model(folder.path);
  expect_equal(tensors_of(back), expected);

  fs::remove(folder.path / "pytorch_model.bin");
  Json map = Json::object();
  std::array<Tensors, 2> parts;
  for (const auto& [name, value] : expected) {
    const size_t part = parts[0].size() > parts[1].size();
    parts[part][name] = value;
    map[name] = part ? "pytorch_model-2.bin" : "pytorch_model-1.bin";
  }
  folder.put("pytorch_model-1.bin", pickled(parts[0]));
  folder.put("pytorch_model-2.bin", pickled(parts[1]));
  folder.put("pytorch_model.bin.index.json", Json({{"weight_map", map}}).dump());
  Model sharded = load_model(folder.path);
  expect_equal(tensors_of(sharded), expected);
}

// What torch.save wrote, and views of a storage, become plain tensors; what it wrote of other kinds is refused.
TEST(Checkpoint, PicklesOfTheRealWriter) {
  const ScratchFolder folder;
  const auto open = [&](const char* name) {
    folder.put("pytorch_model.bin", read_file(fs::path("tests/golden/pickles") / name));
    return WeightSource::open(folder.path);
  };
  const at::Tensor a = at::arange(12).view({3, 4}).to(at::kFloat) / 2;
  for (const char* name : {"module.bin", "plain.bin", "protocol3.bin"}) {
    const auto source = open(name);
    EXPECT_TRUE(at::equal(source->get("a"), a)) << name;
    EXPECT_EQ(source->dtype("b"), at::kBFloat16);
    EXPECT_TRUE(at::equal(source->get("b").to(at::kFloat), at::arange(5).to(at::kFloat))) << name;
  }
  const auto views = open("views.bin");
  const at::Tensor wide = at::arange(24).view({4, 6}).to(at::kFloat) / 4;
  EXPECT_TRUE(at::equal(views->get("b"), wide.t()));
  EXPECT_TRUE(views->get("b").is_contiguous());
  EXPECT_TRUE(at::equal(views->get("tied"), wide));
  EXPECT_TRUE(at::equal(views->get("expanded"), at::full({3}, 2.0f)));
  EXPECT_EQ(views->get("empty").numel(), 0);
  EXPECT_EQ(views->get("scalar").item<float>(), 7);
  expect_words(error_of([&] { open("fp8.bin"); }), {"pytorch_model.bin", "\"w\"", "float8_e4m3fn"});
  expect_words(error_of([&] { views->get("none"); }), {"\"none\"", "no such tensor"});
}

TEST(Checkpoint, CompanionsAndNothingElse) {
  const ScratchFolder from, to;
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "vocab.json",
        "merges.txt", "generation_config.json", "chat_template.jinja", "config.json", "README.md", "model.safetensors",
        "hybrid_config.json", "tokenizer.safetensors", "LICENSE.txt", "NOTICE", "USE_POLICY.md"}) {
    from.put(name, name);
  }
  copy_companions(from.path, to.path);
  std::vector<std::string> copied;
  for (const auto& entry : fs::directory_iterator(to.path)) copied.push_back(entry.path().filename().string());
  std::sort(copied.begin(), copied.end());
  EXPECT_EQ(copied,
            (std::vector<std::string>{"LICENSE.txt", "NOTICE", "USE_POLICY.md", "chat_template.jinja",
                                      "generation_config.json", "merges.txt", "special_tokens_map.json",
                                      "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json"}));
}

// Every golden folder: all names and shapes are there, and what is written of it is read back.
TEST(Checkpoint, SharedFolders) {
  const fs::path shared = "../shared";
  if (!fs::exists(shared)) GTEST_SKIP() << "../shared is not here";
  for (const char* name :
       {"golden/llama-gqa", "golden/llama3-tied", "golden/llama3-tied-v4", "golden/qwen2", "golden/zebra",
        "golden/zebra-tied-norm", "golden/xecomla", "models/stories260k", "models/specs-7m"}) {
    SCOPED_TRACE(name);
    Model model = load_model(shared / name);
    const ScratchFolder folder;
    save_model(folder.path, model);
    Model back = load_model(folder.path);
    expect_equal(tensors_of(back), tensors_of(model));
    for (const char* file : {"config.json", "hybrid_config.json", "MLA_config.json", "mla_layer_config.json"}) {
      if (!fs::exists(shared / name / file)) continue;
      const Json before = read_json(shared / name / file);
      // config.json: as read back, under the base family's name, which hybrids keep in a key of its own.
      const Json after =
          file == std::string("config.json") ? read_config(folder.path).raw_config : read_json(folder.path / file);
      for (const auto& [key, value] : before.items()) {  // whatever the order of an object's keys
        EXPECT_EQ(nlohmann::json(after[key]), nlohmann::json(value)) << file << " " << key;
      }
    }
  }
}

}  // namespace
}  // namespace zebra
