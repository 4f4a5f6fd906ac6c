#include "model/model_words.h"

#include <ATen/Context.h>

#include <map>

#include "base/error.h"

namespace zebra {

std::string dtype_word(const std::string& text) {
  static const std::map<std::string, std::string> kWords = {
      {"fp32", "fp32"}, {"float32", "fp32"},  {"float", "fp32"}, {"torch.float32", "fp32"}, {"f32", "fp32"},
      {"bf16", "bf16"}, {"bfloat16", "bf16"}, {"auto", "auto"},  {"torch.bfloat16", "bf16"}};
  const auto found = kWords.find(text);
  if (found != kWords.end()) return found->second;
  for (const char* half : {"fp16", "float16", "half", "torch.float16", "f16"}) {
    if (text == half) {
      fail_usage("--dtype ", text, ": zebra computes in fp32 or bf16; bf16 is as small as ", text,
                 " and keeps fp32's range (weights stored as float16 are read all the same)");
    }
  }
  fail_usage("--dtype: expected fp32, bf16 or auto, found \"", text, "\"");
}

std::string device_word(const std::string& text) {
  if (text == "cpu" || text == "cuda") return text;
  if (text == "cuda:0" || text == "gpu") return "cuda";
  if (text == "auto") return at::hasCUDA() ? "cuda" : "cpu";
  if (text.starts_with("cuda:")) {
    fail_usage("--device ", text,
               ": one device is used, the first that is visible: set CUDA_VISIBLE_DEVICES=", text.substr(5),
               " and give --device cuda");
  }
  fail_usage("--device: expected cpu, cuda or auto, found \"", text, "\"");
}

}  // namespace zebra
