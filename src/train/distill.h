#pragma once
// Distillation: the student learns the teacher's distribution of the next token (kl: train/token_loss.h), or its layers
// learn the teacher's layers one by one (layers: train/layer_loss.h), which is quick and usually comes first.
#include <string>
#include <vector>

#include "train/layer_loss.h"
#include "train/token_loss.h"
#include "train/trainer.h"

namespace zebra {

// What trained best on stories260k and specs-7m (docs/results.md).
inline TrainSettings distillation_defaults() {
  TrainSettings train;
  train.optimizer = "soap";
  train.schedule.shape = "wsd";
  train.schedule.decay = 0.5;
  return train;
}

struct DistillOptions {
  std::string teacher, student, out;
  std::vector<std::string> data;  // files, or "sample": text that the teacher writes itself
  bool bos = true;
  int64_t samples = 0;  // different rows of "sample"; 0 = never the same twice
  double cache_gib = 4;
  std::string teacher_cache;
  std::string loss = "kl";
  TokenLoss token;
  LayerLoss layer;
  double layer_weight = -1, layer_part = 1;
  std::vector<std::string> freeze;  // train/freeze.h
  TrainSettings train = distillation_defaults();

  // What a run minimises and reports is the plain KL, which eval measures, too.
  bool loss_is_kl() const { return loss == "kl" && token.is_plain_kl(); }

  template <class Visit>
  void fields(Visit&& visit) {
    visit("teacher", teacher, "folder of the teacher");
    visit("student", student, "folder of the student, as convert writes it");
    visit("out", out, "folder for the result");
    visit("data", data, "text files, or sample = text that the teacher writes itself");
    visit("bos", bos, "documents of files begin with BOS where the tokenizer adds one");
    visit("samples", samples, "different rows of --data sample; 0 = never the same twice");
    visit("cache_gib", cache_gib, "memory for the teacher's hidden states");
    visit(
        "teacher_cache", teacher_cache,
        "folder for what the teacher says (divergence topk or sampled): written by the first run, read by later ones");
    visit("loss", loss, "kl = of the next token's distribution, end to end; layers = of each layer alone (ILD)");
    token.fields(visit);
    visit(
        "layer_weight", layer_weight,
        "loss kl: adds the distance of the layers' outputs, at first this many times as large as the rest (default: 1 "
        "where the student has its teacher's layers)");
    visit("layer_part", layer_part, "part of the run over which layer_weight falls to 0; above 1 it never gets there");
    layer.fields(visit);
    visit("freeze", freeze,
          "parameters that stay as they are: patterns of names, as *.mlp.*,model.embed_tokens.weight");
    train.fields(visit);
  }
};

struct DistillResult {
  TrainReport report;
  TrainSettings settings;  // with the defaults filled in
  int64_t parameters = 0;
};

// Checks the settings against both configs and replaces zeros by what suits the student; Error names the setting.
void prepare(DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student);

// Writes OUT; `command` is what the card says. `overwrite` allows OUT to exist, `resume` continues OUT.run.
DistillResult distill(DistillOptions options, bool overwrite, bool resume, const std::string& command);

}  // namespace zebra
