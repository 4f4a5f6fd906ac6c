#pragma once
// A Llama-style model from scratch: one recipe file says shape, data, tokens, schedule and seed.
#include <string>
#include <vector>

#include "train/trainer.h"

namespace zebra {

struct ModelShape {
  std::string model_type = "llama";
  int64_t hidden = 64, layers = 4, heads = 8, kv_heads = 0, head_dim = 0, intermediate = 0;
  int64_t max_position = 512;
  double rope_theta = 10000, norm_eps = 1e-5;
  bool tied = true;
  double init_std = 0.02;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("model_type", model_type, "llama, mistral, qwen2 or qwen3");
    visit("hidden", hidden, "width of the residual stream");
    visit("layers", layers, "blocks");
    visit("heads", heads, "query heads");
    visit("kv_heads", kv_heads, "key and value heads; 0 = heads");
    visit("head_dim", head_dim, "0 = hidden / heads");
    visit("intermediate", intermediate, "width of the MLP; 0 = 8/3 hidden, a multiple of 16");
    visit("max_position", max_position, "context length");
    visit("rope_theta", rope_theta, "base of the rotary frequencies");
    visit("norm_eps", norm_eps, "epsilon of RMSNorm");
    visit("tied", tied, "the head is the embedding");
    visit("init_std", init_std, "standard deviation of the first weights");
  }
};

struct PretrainRecipe {
  std::string description;
  std::string tokenizer;          // folder with tokenizer.json
  std::vector<std::string> data;  // text files
  std::string out;
  std::string weights = "fp32";  // as they are written
  ModelShape model;
  TrainSettings train;

  template <class Visit>
  void fields(Visit&& visit) {
    visit("description", description, "what the recipe is for");
    visit("tokenizer", tokenizer, "folder with tokenizer.json");
    visit("data", data, "text files");
    visit("out", out, "folder for the result");
    visit("weights", weights, "fp32 or bf16: how they are written");
    visit("model", model, "");
    visit("train", train, "");
  }
};

// Relative paths of `recipe` are left as they are: they count from the working directory.
PretrainRecipe read_pretrain_recipe(const fs::path& path);

struct PretrainResult {
  TrainReport report;
  TrainSettings settings;
  int64_t parameters = 0;
};

PretrainResult pretrain(PretrainRecipe recipe, bool overwrite, bool resume, const std::string& command);

}  // namespace zebra
