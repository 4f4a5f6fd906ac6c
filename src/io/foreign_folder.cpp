#include "io/foreign_folder.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr const char* kDownload = ": download it (hf download NAME --local-dir FOLDER) and give FOLDER";
constexpr const char* kSave = "save it with save_pretrained of transformers and give that folder";

// A file (or folder) that gives a format away, what that is, and what to do. A name that begins with "*" is an ending.
struct Sign {
  const char* name;
  const char* what;
  const char* advice;
};

// In this order: what says most comes first.
constexpr std::array<Sign, 22> kSigns{{
    {"adapter_config.json", "a LoRA adapter of peft without its base model",
     "merge it into the base (merge_and_unload() of peft), save that with save_pretrained and give that folder"},
    {"adapter_model.safetensors", "a LoRA adapter of peft without its base model",
     "merge it into the base (merge_and_unload() of peft), save that with save_pretrained and give that folder"},
    {"adapter_model.bin", "a LoRA adapter of peft without its base model",
     "merge it into the base (merge_and_unload() of peft), save that with save_pretrained and give that folder"},
    {"quanto_qmap.json", "a model quantised by optimum-quanto", "give the folder of the model before it was quantised"},
    {"params.json", "a checkpoint in its maker's own format (params.json, as Meta and Mistral ship them)",
     "give the folder in transformers' format: the hub has it beside or under a name that ends in -hf"},
    {"consolidated.00.pth", "a checkpoint in Meta's own format",
     "give the folder in transformers' format: the hub has it beside or under a name that ends in -hf"},
    {"consolidated.safetensors", "a checkpoint in Mistral's own format", "give the folder in transformers' format"},
    {"snapshots", "an entry of the hub's cache", "give the folder below its snapshots/, which has config.json"},
    {"*.gguf", "weights of llama.cpp (GGUF)", "give the folder of safetensors that they were made of"},
    {"*.onnx", "an ONNX export", "give the folder that it was exported from"},
    {"onnx", "an ONNX export", "give the folder that it was exported from"},
    {"*.distcp", "a distributed checkpoint of torch",
     "gather it (accelerate merge-weights) and save it with save_pretrained"},
    {"pytorch_model_fsdp_0", "a sharded checkpoint of accelerate (FSDP)",
     "gather it (accelerate merge-weights) and save it with save_pretrained"},
    {"zero_to_fp32.py", "a checkpoint of DeepSpeed",
     "run zero_to_fp32.py in it and save the model with save_pretrained"},
    {"random_states_0.pkl", "a training state of accelerate (save_state), without the model's config", kSave},
    {"trainer_state.json", "a training state of transformers' Trainer, without the model's config", kSave},
    {"stages.json", "the outputs of zebra upcycle", "give one of the folders in it"},
    {"metrics.jsonl", "the run folder of a zebra training",
     "give the folder without .run, which appears when it is done"},
    {"tf_model.h5", "TensorFlow weights", kSave},
    {"flax_model.msgpack", "Flax weights", kSave},
    {"*.npz", "weights of MLX", "give the folder of safetensors that they were made of"},
    {"*.pth", "a file of torch.save, not a folder of transformers", kSave},
}};

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "found a LoRA adapter .. (adapter_config.json): merge it .."; "" where nothing is known.
std::string sign_text(const fs::path& folder) {
  const auto names = names_in(folder);
  for (const Sign& sign : kSigns) {
    const std::string wanted = sign.name;
    for (const auto& name : names) {
      const bool same = wanted.starts_with("*") ? name.ends_with(wanted.substr(1)) : name == wanted;
      if (same) return cat("found ", sign.what, " (", name, "): ", sign.advice);
    }
  }
  return "";
}

std::string first_bytes(const fs::path& file, size_t count) {
  std::string bytes(count, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(stream.gcount()));
  return bytes;
}

bool is_pointer(const fs::path& file) {
  constexpr uintmax_t kLargest = 1024;
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kLargest || error) return false;
  return first_bytes(file, 40).starts_with("version https://git-lfs.github.com/spec/");
}

// Letters, digits, "-", "_" and "." around one "/": what the hub calls a model.
bool is_hub_name(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string("-_.").find(c) != std::string::npos;
  };
  const size_t slash = text.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == text.size() || text.front() == '.') return false;
  const std::string name = text.substr(slash + 1);
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(slash), plain) &&
         std::all_of(name.begin(), name.end(), plain);
}

[[noreturn]] void fail_nothing_there(const fs::path& path) {
  const std::string text = path.string();
  if (text.empty()) fail_input("expected a model folder, found an empty name");
  for (const char* start : {"https://", "http://", "hf://"}) {
    if (text.starts_with(start)) fail_input(text, ": expected a model folder, found an address", kDownload);
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string near = nearest(path.filename().string(), names_in(parent));
  if (!near.empty())
    fail_input(text, ": expected a model folder, found nothing there: did you mean ",
               (path.has_parent_path() ? parent / near : fs::path(near)).string(), "?");
  std::error_code ignored;
  if (is_hub_name(text) && !fs::exists(parent, ignored)) {
    fail_input(text, ": expected a model folder, found none; as a name on the Hugging Face hub it says nothing here, ",
               "where nothing is downloaded", kDownload);
  }
  fail_input(text, ": expected a model folder, found nothing there: check the path");
}

[[noreturn]] void fail_file(const fs::path& path) {
  const std::string bytes = first_bytes(path, 8), name = path.filename().string();
  const auto parent = path.has_parent_path() ? path.parent_path().string() : std::string(".");
  const auto ends = [&](std::initializer_list<const char*> endings) {
    return std::any_of(endings.begin(), endings.end(), [&](const char* ending) { return name.ends_with(ending); });
  };
  if (is_pointer(path)) {
    fail_input(path.string(), ": expected a model folder, found a git-lfs pointer to a file: run git lfs pull, then ",
               "give the folder");
  }
  if (bytes.starts_with("GGUF") || ends({".gguf", ".ggml"})) {
    fail_input(path.string(), ": expected a model folder, found weights of llama.cpp (GGUF): give the folder of ",
               "safetensors that they were made of");
  }
  if (ends({".onnx"})) {
    fail_input(path.string(), ": expected a model folder, found an ONNX export: give the folder that it was exported ",
               "from");
  }
  if (ends({".zip", ".tar", ".gz", ".tgz", ".zst", ".xz"})) {
    fail_input(path.string(), ": expected a model folder, found an archive: unpack it and give the folder");
  }
  if (ends({".json", ".safetensors", ".bin", ".pth", ".pt"})) {
    fail_input(path.string(), ": expected a model folder, found one file of it: give the folder ", parent);
  }
  fail_input(path.string(), ": expected a model folder, found a file");
}

// The folders below that are models, where this is none.
std::string models_below(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& name : names_in(folder)) {
    if (fs::exists(folder / name / "config.json", ignored)) found.push_back((folder / name).string());
  }
  if (found.empty()) return "";
  constexpr size_t kShown = 3;
  const bool more = found.size() > kShown;
  if (more) found.resize(kShown);
  return cat("; there are models in it: give ", join(found, " or "), more ? " or another" : "");
}

void check_folder(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found || status.type() == fs::file_type::none) fail_nothing_there(path);
  if (fs::is_regular_file(status)) fail_file(path);
  if (!fs::is_directory(status)) fail_input(path.string(), ": expected a model folder, found no folder");
}

void check_no_pointer(const fs::path& file) {
  if (!is_pointer(file)) return;
  fail_input(file.string(), ": expected the file itself, found a git-lfs pointer to it: run git lfs pull in ",
             file.parent_path().string());
}

}  // namespace

void check_model_folder(const fs::path& path) {
  check_folder(path);
  std::error_code error;
  if (!fs::exists(path / "config.json", error)) {
    const std::string sign = sign_text(path);
    fail_input(path.string(), ": expected a model folder with config.json, ",
               sign.empty() ? "found no such file in it" + models_below(path) : sign);
  }
  if (fs::exists(path / "quanto_qmap.json", error))
    fail_input(path.string(), ": expected full-precision weights, ", sign_text(path));
  for (const auto& name : names_in(path)) check_no_pointer(path / name);
}

void fail_no_weights(const fs::path& folder) {
  const std::string sign = sign_text(folder);
  fail_input(folder.string(),
             ": expected weights in model.safetensors, model.safetensors.index.json, pytorch_model.bin ",
             "or pytorch_model.bin.index.json, ", sign.empty() ? "found none of them" : sign);
}

void check_tokenizer_folder(const fs::path& folder) {
  check_folder(folder);
  std::error_code ignored;
  check_no_pointer(folder / "tokenizer.json");
  if (fs::exists(folder / "tokenizer.json", ignored)) return;
  constexpr std::array<Sign, 6> kSlow{{
      {"tokenizer.model", "SentencePiece's file", ""},
      {"vocab.json", "the files of a slow BPE tokenizer", ""},
      {"tekken.json", "Mistral's own file", ""},
      {"qwen.tiktoken", "a file of tiktoken", ""},
      {"vocab.txt", "the file of a WordPiece tokenizer", ""},
      {"spiece.model", "SentencePiece's file", ""},
  }};
  for (const Sign& slow : kSlow) {
    if (!fs::exists(folder / slow.name, ignored)) continue;
    fail_input(folder.string(), ": expected tokenizer.json, found only ", slow.what, " (", slow.name,
               "): let transformers write it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)");
  }
  const std::string sign = sign_text(folder);
  fail_input(folder.string(), ": expected tokenizer.json, ",
             sign.empty() ? "found no such file: copy it from where the model came from" : sign);
}

}  // namespace zebra
