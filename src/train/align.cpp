#include "train/align.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "tokenizer/tokenizer.h"
#include "train/align_loss.h"
#include "train/checkpoint.h"
#include "train/report_page.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// Peak rates for a model of hidden size 64; at 2048 they are 3e-5 and 1e-6, which is what is usual there.
constexpr double kSftRate = 1e-3, kDpoRate = 3e-5;
constexpr int64_t kBatch = 32, kLength = 2048;

void check_options(const AlignOptions& options) {
  const auto need = [](const char* name, bool given) {
    if (!given) fail_usage("--", name, " is missing");
  };
  need("method", !options.method.empty());
  if (options.method != "sft" && options.method != "dpo") {
    fail_usage("method: expected sft or dpo, found \"", options.method, "\"");
  }
  need("model", !options.model.empty());
  need("out", !options.out.empty());
  need("data", !options.data.empty());
  const auto at_least = [](const char* name, auto value, auto least) {
    if (!(value >= least)) fail_usage(name, ": expected ", least, " or more, found ", value);
  };
  at_least("kl_weight", options.kl_weight, 0.0);
  at_least("batch", options.batch, int64_t{0});
  at_least("micro", options.micro, int64_t{0});
  if (!(options.epochs > 0 && options.epochs <= 1e6)) fail_usage("epochs: expected above 0, found ", options.epochs);
  if (!(options.beta > 0)) fail_usage("beta: expected a number above 0, found ", options.beta);
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 0.5)) {
    fail_usage("label_smoothing: expected 0 to 0.5, found ", options.label_smoothing);
  }
  if (options.method == "dpo" && !options.teacher.empty()) {
    fail_usage("--teacher is for --method sft: dpo stays close to the model itself as it was at the start");
  }
  if (options.method == "sft" && options.teacher.empty() != (options.kl_weight == 0)) {
    fail_usage("--teacher and --kl-weight: expected both or neither");
  }
}

ExampleSet read(const std::vector<std::string>& names, const AlignOptions& options, const Tokenizer& tokenizer,
                const ModelConfig& config) {
  const std::vector<fs::path> files(names.begin(), names.end());
  ExampleSet set =
      read_examples(files, options.method == "dpo" ? ExampleKind::preferences : ExampleKind::answers, tokenizer,
                    {.length = options.train.length,
                     .vocab = config.vocab,
                     .eos = tokenizer.eos() >= 0 ? tokenizer.eos() : config.document_end(),
                     .model = options.model});
  if (set.cut > 0) {
    log_line(cat(files.front().string(), ": ", set.cut, " examples of more than ", options.train.length,
                 " tokens lost the front of their prompt"));
  }
  if (set.dropped > 0) {
    log_warning(cat(files.front().string(), ": ", set.dropped, " examples left out: their answer leaves no room for a ",
                    "prompt in ", options.train.length, " tokens; a larger --length keeps them"));
  }
  return set;
}

void set_length(AlignOptions& options, const ModelConfig& model, const ModelConfig* teacher) {
  TrainSettings& train = options.train;
  int64_t context = model.max_position;
  if (teacher) {
    check_same_vocabulary(options.model, model, options.teacher, *teacher);
    context = std::min(context, teacher->max_position);
  }
  if (train.length == 0) train.length = std::min(kLength, context);
  if (train.length < 2 || train.length > context) {
    fail_usage("length: expected 2 up to the context length ", context, ", found ", train.length);
  }
}

// The loop counts in rows of equal length: an example is one, as long as it may become.
TrainSettings loop_settings(AlignOptions& options, const ModelConfig& config, int64_t examples) {
  if (options.batch == 0) options.batch = examples > 0 ? std::min(kBatch, examples) : kBatch;
  if (examples == 0) examples = options.batch;
  if (options.batch > int64_t{1} << 20) fail_usage("batch: expected at most 1048576, found ", options.batch);
  if (options.micro > 0 && options.batch % options.micro != 0) {
    fail_usage("micro: expected a divisor of batch ", options.batch, ", found ", options.micro);
  }
  const bool pairs = options.method == "dpo";
  const double steps = std::ceil(options.epochs * static_cast<double>(examples) / static_cast<double>(options.batch));
  TrainSettings loop = options.train;
  loop.length = options.train.length * (pairs ? 2 : 1);
  loop.batch_tokens = options.batch * loop.length;
  loop.micro_tokens = options.micro * loop.length;
  loop.tokens = static_cast<int64_t>(steps) * loop.batch_tokens;
  const double rate = (pairs ? kDpoRate : kSftRate) / relative_width(config);
  loop.scale(config, rate, rate);
  loop.check(loop.length);
  options.micro = loop.rows_per_pass();
  options.train.lr = loop.lr;
  return loop;
}

Inputs inputs_of(const AlignOptions& options) {
  Inputs inputs = {options.model, options.teacher};
  for (const auto* files : {&options.data, &options.eval_data}) {
    inputs.insert(inputs.end(), files->begin(), files->end());
  }
  return inputs;
}

void write_result(OutputFolder& folder, const AlignOptions& options, const AlignResult& result, Model& model,
                  const std::string& command) {
  save_model(folder.path(), model);
  copy_companions(options.model, folder.path());
  const std::string how = options.method == "dpo" ? "direct preference optimisation" : "supervised fine-tuning";
  write_summary(folder.path(),
                {.title = fs::path(options.out).filename().string(),
                 .origin = cat("Aligned from `", options.model, "` by ", how, "."),
                 .command = command,
                 .before = options.model,
                 .report = result.report,
                 .settings = save_fields(options),
                 .held_out = result.held_out},
                model.config(), run_folder(options.out));
  folder.commit();
}

}  // namespace

TrainSettings prepare(AlignOptions& options, const ModelConfig& model, const ModelConfig* teacher, int64_t examples) {
  check_options(options);
  set_length(options, model, teacher);
  return loop_settings(options, model, examples);
}

AlignResult align(AlignOptions options, bool overwrite, bool resume, const std::string& command) {
  check_options(options);
  OutputFolder folder(options.out, overwrite, inputs_of(options));
  const bool pairs = options.method == "dpo";
  const ModelConfig config = read_config(options.model);
  std::optional<ModelConfig> teacher;
  if (!options.teacher.empty()) teacher = read_config(options.teacher);
  set_length(options, config, teacher ? &*teacher : nullptr);
  const Tokenizer tokenizer = Tokenizer::load(options.model);
  ExampleSet data = read(options.data, options, tokenizer, config), held_out;
  if (!options.eval_data.empty()) held_out = read(options.eval_data, options, tokenizer, config);
  const TrainSettings loop = loop_settings(options, config, static_cast<int64_t>(data.examples.size()));
  prepare_device(loop);

  AnswerRows rows(std::move(data.examples), static_cast<uint64_t>(loop.seed), options.batch, loop.options().device());
  const int64_t tokens = rows.tokens(0, rows.count());
  log_line(cat(rows.count(), " examples, ", tokens, " tokens, ", loop.steps(), " steps of ", options.batch));
  Model model = load_model(options.model, loop.options());
  std::optional<Model> fixed;
  if (pairs || !options.teacher.empty()) {
    fixed.emplace(load_model(pairs ? options.model : options.teacher, loop.options()));
    fixed->require_grad(false);
  }
  std::shared_future<int64_t> teacher_weights;
  if (teacher) teacher_weights = begin_checksum(*fixed);
  const Model* held_to = fixed ? &*fixed : nullptr;
  const AlignLossSettings settings{options.method, options.beta, options.label_smoothing, options.kl_weight};
  const auto stored = WeightSource::open(options.model);

  StepFigures figures;
  TrainTask task{.model = model, .is_new = [](const std::string&) { return true; }};
  task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
    const AlignLoss loss = align_loss(model, held_to, rows.batch(first, count), settings);
    const double share = rows.share(first, count);
    figures.add(loss, static_cast<double>(count) / static_cast<double>(options.batch), share);
    const at::Tensor weighted = loss.tokens.defined() ? loss.tokens * share : at::Tensor();
    add(!loss.pairs.defined() ? weighted : weighted.defined() ? loss.pairs + weighted : loss.pairs);
  };
  if (held_to) task.fixed = {held_to};
  task.tokens = [&](int64_t first, int64_t count) { return rows.tokens(first, count); };
  task.measured = [&] { return figures.take(); };
  if (loop.dtype != "fp32") task.stored = [&](const std::string& name) { return stored->get(name); };
  task.run = run_folder(options.out);
  task.identity = identity_of(save_fields(options));
  task.identity.erase("eval_data");
  task.identity["data_tokens"] = tokens;
  task.identity["model_checksum"] = checksum(model);
  const std::vector<std::string> content = rows.content();
  task.content[pairs ? "chosen" : "answers"] = content.front();
  if (pairs) task.content["rejected"] = content.back();
  task.content["model_config"] = checksum(config);
  if (teacher) {
    task.content["teacher_weights"] = teacher_weights.get(), task.content["teacher_config"] = checksum(*teacher);
  }
  task.resume = resume;
  task.label = "aligning";

  AlignResult result;
  result.parameters = model.parameter_count();
  result.report = train(task, loop);
  if (!held_out.examples.empty()) {
    result.held_out = evaluate_examples(model, held_to, held_out.examples, options.micro, settings);
  }
  result.options = options;
  write_result(folder, options, result, model, command);
  remove_checkpoints(task.run);
  return result;
}

}  // namespace zebra
