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
  std::vector<std::string> lengths;  // train/length_stages.h
  bool documents_apart = false;
  int64_t samples = 0;    // different rows of "sample"; 0 = never the same twice
  int64_t held_out = -1;  // rows; -1 = train/distill_rows.h says how many
  double cache_gib = 4;
  std::string teacher_cache;
  std::string loss = "kl";
  TokenLoss token;
  LayerLoss layer;
  double on_policy = 0, on_policy_temperature = 1;
  int64_t prompt_tokens = 0;
  double layer_weight = -1, layer_part = 1;
  std::vector<std::string> freeze;  // train/freeze.h
  TrainSettings train = distillation_defaults();

  // What a run minimises and reports is the plain KL, which eval measures, too.
  bool loss_is_kl() const { return loss == "kl" && token.is_plain_kl() && on_policy == 0; }
  const char* loss_name() const { return loss_is_kl() ? "KL" : loss == "kl" ? "loss" : "layer error"; }

  template <class Visit>
  void fields(Visit&& visit) {
    visit("teacher", teacher, "folder of the teacher");
    visit(
        "student", student,
        "folder of the student, as convert writes it; with loss layers several, which share the teacher's passes: A,B");
    visit("out", out, "folder for the result; one for each student: OA,OB");
    visit("data", data, "text files, an equal part of each, or sample = text that the teacher writes itself");
    visit("bos", bos, "documents of files begin with BOS where the tokenizer adds one");
    visit("samples", samples, "different rows of --data sample; 0 = never the same twice");
    visit("held_out", held_out,
          "rows that are measured at each tenth of the run and never trained on; the weights that do best on them are "
          "the result; 0 = none (default: one in 200, 4 to 64)");
    visit("lengths", lengths,
          "rows that grow, as 2048:0.5,8192:0.3,32768:0.2: tokens in a row and part of the run; the last is length");
    visit("documents_apart", documents_apart,
          "documents in one row do not see each other: positions and states begin anew with each (files only)");
    visit("cache_gib", cache_gib, "memory for the teacher's hidden states");
    visit(
        "teacher_cache", teacher_cache,
        "folder for what the teacher says (divergence topk or sampled): written by the first run; later ones load the "
        "teacher only to see that it is the same; layer_weight is then 0");
    visit("loss", loss,
          "kl = of the next token's distribution, end to end; layers = of each layer alone (ILD), "
          "which checkpointing does not change");
    token.fields(visit);
    visit("on_policy", on_policy,
          "part of the steps (GKD's lambda) in which the student continues the text itself and learns what its teacher "
          "says of that, without ce_weight and layer_weight; best with divergence reverse-kl or jsd");
    visit("on_policy_temperature", on_policy_temperature, "at which the student draws; 0 = the likeliest tokens");
    visit("prompt_tokens", prompt_tokens, "on_policy: tokens of a row that the student is given; 0 = half of it");
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

// Error(usage) names a setting that is missing or wrong whatever the models are.
void check_options(const DistillOptions& options);

// Checks the settings against both configs and replaces zeros by what suits the student; Error names the setting.
void prepare(DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student);

// What a resumed run must read again: the teacher, by its config and the checksum of its weights, and the rows, by
// their text_identity() and how many more of the text are held out.
Json distillation_content(const ModelConfig& teacher, int64_t weights, const std::string& text, int64_t held_out);

// Writes OUT; `command` is what the card says. `overwrite` allows OUT to exist, `resume` continues OUT.run.
DistillResult distill(DistillOptions options, bool overwrite, bool resume, const std::string& command);

}  // namespace zebra
