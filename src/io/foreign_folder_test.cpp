// Whoever gives something else than a model folder is told what it is and what to do.
#include "io/foreign_folder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

const std::string kPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 2471645608\n";

template <class Check>
std::string error_of(Check check) {
  try {
    check();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
    return error.what();
  }
  return "";
}

// The error about a folder that holds these empty files.
std::string error_with(const std::vector<std::string>& files) {
  const ScratchFolder folder;
  for (const auto& file : files) folder.put(file, "");
  return error_of([&] { check_model_folder(folder.path); });
}

void expect_words(const std::string& error, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(error.find(word), std::string::npos) << word << " in: " << error;
}

TEST(ForeignFolder, OtherFormatsAreNamed) {
  EXPECT_EQ(error_with({"config.json", "model.safetensors", "tokenizer.json"}), "");
  expect_words(error_with({"adapter_config.json", "adapter_model.safetensors", "README.md"}),
               {"LoRA", "merge_and_unload"});
  expect_words(error_with({"params.json", "consolidated.00.pth", "tokenizer.model"}), {"maker's own", "transformers"});
  expect_words(error_with({"model-q4_k_m.gguf"}), {"llama.cpp", "model-q4_k_m.gguf", "safetensors"});
  expect_words(error_with({"decoder_model.onnx"}), {"ONNX"});
  expect_words(error_with({"model.safetensors", "optimizer.bin", "random_states_0.pkl"}),
               {"accelerate", "save_pretrained"});
  expect_words(error_with({"__0_0.distcp", ".metadata"}), {"distributed checkpoint"});
  expect_words(error_with({"zero_to_fp32.py", "latest"}), {"DeepSpeed", "zero_to_fp32.py"});
  expect_words(error_with({"config.json", "model.safetensors", "quanto_qmap.json"}), {"optimum-quanto"});
  expect_words(error_with({"tf_model.h5"}), {"TensorFlow"});
  expect_words(error_with({"metrics.jsonl", "step-8.safetensors"}), {"run folder"});
  expect_words(error_with({"notes.txt"}), {"expected a model folder with config.json, found no such file"});
}

TEST(ForeignFolder, PathsThatAreNoFolder) {
  const ScratchFolder folder;
  folder.put("model.bin", "GGUF\3\0\0\0");  // whatever its name
  folder.put("weights.gguf", "");
  folder.put("model.safetensors", "x");
  folder.put("pointer.safetensors", kPointer);
  folder.put("model.tar.gz", "");
  fs::create_directories(folder.path / "many" / "default");
  folder.put("many/default/config.json", "{}");
  const auto error = [&](const fs::path& path) { return error_of([&] { check_model_folder(path); }); };
  expect_words(error(folder.path / "model.bin"), {"GGUF", "folder of safetensors"});
  expect_words(error(folder.path / "weights.gguf"), {"GGUF"});
  expect_words(error(folder.path / "model.safetensors"), {"one file of it", "give the folder " + folder.path.string()});
  expect_words(error(folder.path / "pointer.safetensors"), {"git lfs pull"});
  expect_words(error(folder.path / "model.tar.gz"), {"archive", "unpack"});
  expect_words(error(folder.path / "many" / "defualt"),
               {"did you mean " + (folder.path / "many" / "default").string()});
  expect_words(error(folder.path / "many"), {"models in it", (folder.path / "many" / "default").string()});
  expect_words(error("meta-llama/Llama-3.2-1B"), {"Hugging Face hub", "hf download", "--local-dir"});
  expect_words(error("https://huggingface.co/Qwen/Qwen3-0.6B"), {"address", "hf download"});
  expect_words(error("/nowhere/at/all"), {"found nothing there"});
  EXPECT_EQ(error("/nowhere/at/all").find("Hugging Face"), std::string::npos);
  expect_words(error(""), {"empty name"});
  expect_words(error("/dev/null"), {"no folder"});
}

TEST(ForeignFolder, GitLfsPointersInAFolder) {
  for (const char* name : {"model.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json", "config.json"}) {
    const ScratchFolder folder;
    folder.put("config.json", "{}");
    folder.put(name, kPointer);
    expect_words(error_of([&] { check_model_folder(folder.path); }), {name, "git-lfs pointer", "git lfs pull"});
  }
}

TEST(ForeignFolder, SlowTokenizers) {
  for (const char* name : {"tokenizer.model", "vocab.json", "tekken.json", "vocab.txt"}) {
    const ScratchFolder folder;
    folder.put("config.json", "{}");
    folder.put(name, "");
    expect_words(error_of([&] { check_tokenizer_folder(folder.path); }), {"tokenizer.json", name, "save_pretrained"});
  }
  const ScratchFolder folder;
  expect_words(error_of([&] { check_tokenizer_folder(folder.path); }), {"found no such file"});
  folder.put("adapter_config.json", "{}");
  expect_words(error_of([&] { check_tokenizer_folder(folder.path); }), {"LoRA"});
  folder.put("tokenizer.json", kPointer);
  expect_words(error_of([&] { check_tokenizer_folder(folder.path); }), {"git lfs pull"});
  folder.put("tokenizer.json", "{}");
  EXPECT_EQ(error_of([&] { check_tokenizer_folder(folder.path); }), "");
  expect_words(error_of([&] { check_tokenizer_folder("Qwen/Qwen3-0.6B"); }), {"Hugging Face hub"});
}

TEST(ForeignFolder, WeightsOfAnotherKindBesideAConfig) {
  const ScratchFolder folder;
  expect_words(error_of([&] { fail_no_weights(folder.path); }), {"found none of them"});
  folder.put("model.gguf", "");
  expect_words(error_of([&] { fail_no_weights(folder.path); }), {"expected weights in model.safetensors", "GGUF"});
}

}  // namespace
}  // namespace zebra
