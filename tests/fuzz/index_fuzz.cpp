// Shard indices: every file that one names lies in its folder.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "model/weight_index.h"

namespace zebra::fuzz {

std::vector<std::string> seeds() {
  return {
      R"({"metadata": {"total_size": 123}, "weight_map": {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.bin"}})",
      R"({"weight_map": {"model.embed_tokens.weight": "x"}})", R"({"weight_map": {}, "other": [{}]})"};
}
std::vector<std::string> words() {
  return with_json_words({"\"weight_map\":", "\"metadata\":", "../", "/", "..", ".", "\"a\": \"b\","});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  try {
    const WeightIndex index(fuzz::put("model.safetensors.index.json", fuzz::text(data, size)));
    for (size_t i = 0; i < index.size(); ++i) {
      const std::string_view file = index.file(i);
      if (file.empty() || file == ".." || file.find('/') != file.npos) __builtin_trap();
      if (index.file_of(index.tensor(i)) != file) __builtin_trap();
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
