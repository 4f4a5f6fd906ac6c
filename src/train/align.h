#pragma once
// Alignment, the last stage: the model imitates answers (sft), or learns to prefer the better of two (dpo).
#include <string>
#include <string_view>
#include <vector>

#include "train/trainer.h"

namespace zebra {

struct AlignOptions {
  std::string method, model, out;
  std::vector<std::string> data, eval_data;
  double beta = 0.1, label_smoothing = 0;
  std::string teacher;
  double kl_weight = 0;
  double epochs = 1;
  int64_t batch = 0, micro = 0;
  TrainSettings train;  // its numbers of tokens follow from those above

  template <class Visit>
  void fields(Visit&& visit) {
    visit("method", method, "sft = imitate answers, dpo = prefer the chosen of two");
    visit("model", model, "folder of the model");
    visit("out", out, "folder for the result");
    visit("data", data, "JSONL: messages, or prompt and completion (sft); prompt, chosen and rejected (dpo)");
    visit("eval_data", eval_data, "held-out files of the same kind, measured at the end");
    visit("beta", beta, "dpo: how closely the reference, the model at the start, is kept");
    visit("label_smoothing", label_smoothing, "dpo: the probability that a preference is wrong");
    visit("teacher", teacher, "sft: folder of a model to stay close to, with --kl-weight");
    visit("kl_weight", kl_weight, "weight of the KL from the teacher, for dpo from the reference on chosen answers");
    visit("epochs", epochs, "passes over the examples");
    visit("batch", batch, "examples in a step; 0 = 32, or all where there are fewer");
    visit("micro", micro, "examples in a forward and backward pass; 0 = what memory takes");
    train.fields([&](std::string_view name, auto& value, const char* help) {
      if (name == "tokens" || name == "batch_tokens" || name == "micro_tokens" || name == "lr_inherited") return;
      if (name == "length") help = "tokens of prompt and answer at most; 0 = the context, up to 2048";
      if (name == "lr") help = "peak learning rate; 0 = scaled to the width";
      visit(name.data(), value, help);
    });
  }
};

struct AlignResult {
  TrainReport report;
  AlignOptions options;  // with the defaults filled in
  int64_t parameters = 0;
  Json held_out = Json::object();  // evaluate_examples() on eval_data
};

// Checks the options against the configs, replaces zeros by what suits the model, and returns what the loop will run
// with. `teacher` may be null; `examples` = 0 where their number is not known yet: one full batch stands for them.
TrainSettings prepare(AlignOptions& options, const ModelConfig& model, const ModelConfig* teacher, int64_t examples);

// Writes OUT; `command` is what the card says. `overwrite` allows OUT to exist, `resume` continues OUT.run.
AlignResult align(AlignOptions options, bool overwrite, bool resume, const std::string& command);

}  // namespace zebra
