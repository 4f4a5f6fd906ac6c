#include "train/distill.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "ops/distillation_kl.h"
#include "tokenizer/tokenizer.h"
#include "train/card.h"
#include "train/checkpoint.h"
#include "train/teacher_rows.h"

namespace zebra {

namespace {

// Peak rates for a model of hidden size 64 (docs/results.md has the runs that chose them).
constexpr double kRate = 5e-3, kRateInherited = 1e-3;

// The mixers that replaced attention; the rest came trained.
bool is_new_mixer(const std::string& name) {
  return name.find(".mla.") != std::string::npos || name.find(".mamba.") != std::string::npos;
}

void check_tokenizers(const DistillOptions& options) {
  const fs::path ours = fs::path(options.student) / "tokenizer.json",
                 theirs = fs::path(options.teacher) / "tokenizer.json";
  if (!fs::exists(ours) || !fs::exists(theirs) || read_file(ours) == read_file(theirs)) return;
  const Tokenizer a = Tokenizer::load(options.student), b = Tokenizer::load(options.teacher);
  for (int64_t id = 0; id < std::min(a.vocab_size(), b.vocab_size()); ++id) {
    if (a.token(id) != b.token(id)) {
      fail_input(ours.string(), ": token ", id, ": expected the teacher's \"", b.token(id), "\", found \"", a.token(id),
                 "\"; distillation needs one vocabulary");
    }
  }
}

void check_options(const DistillOptions& options) {
  const auto need = [](const char* name, bool given) {
    if (!given) fail_usage("--", name, " is missing");
  };
  need("teacher", !options.teacher.empty());
  need("student", !options.student.empty());
  need("out", !options.out.empty());
  need("data", !options.data.empty());
  need("tokens", options.train.tokens > 0);
  const bool samples = std::find(options.data.begin(), options.data.end(), "sample") != options.data.end();
  if (samples && options.data.size() > 1) fail_usage("--data: expected files or sample, not both");
  if (options.samples < 0) fail_usage("samples: expected 0 or more, found ", options.samples);
  if (options.loss != "kl" && options.loss != "layers") {
    fail_usage("loss: expected kl or layers, found \"", options.loss, "\"");
  }
  options.layer.check();
  if (!(options.layer_weight >= 0)) fail_usage("layer_weight: expected 0 or more, found ", options.layer_weight);
  if (!(options.cache_gib >= 0)) fail_usage("cache_gib: expected 0 or more, found ", options.cache_gib);
}

// Whether a saved run began from these weights: an exact sum of their bits.
int64_t checksum(Model& model) {
  c10::NoGradGuard no_grad;
  int64_t sum = 0;
  model.parameters([&](const std::string&, at::Tensor& value) {
    sum += value.view(value.element_size() == 2 ? at::kShort : at::kInt).sum(at::kLong).item<int64_t>();
  });
  return sum;
}

TeacherRows make_rows(const DistillOptions& options, const Model& teacher) {
  const TrainSettings& train = options.train;
  const int64_t needed = train.steps() * train.rows_per_step();
  // A block is whole steps, and large enough that its tokens are drawn many rows at a time.
  const int64_t steps = std::max<int64_t>(1, 65536 / train.batch_tokens);
  const TeacherRows::Limits limits{.block_rows = steps * train.rows_per_step(),
                                   .cache_bytes = static_cast<int64_t>(options.cache_gib * double{1 << 30})};
  const auto seed = static_cast<uint64_t>(train.seed);
  if (options.data.front() == "sample") {
    return TeacherRows(teacher, train.length, seed, options.samples, needed, limits);
  }
  const Tokenizer tokenizer = Tokenizer::load(options.teacher);
  const std::vector<fs::path> files(options.data.begin(), options.data.end());
  const auto& eos = teacher.config().eos;
  TokenBlock block = pack_documents(
      files, tokenizer,
      {.length = train.length, .eos = eos.empty() ? -1 : eos.front(), .bos = options.bos, .limit = train.tokens});
  if (block.count() == 0) {
    fail_input(options.data.front(), ": expected at least one row of ", train.length, " tokens, found less text");
  }
  log_line(
      cat(block.ids.size(), " tokens of text, ", fixed(double(train.tokens) / double(block.ids.size()), 1), " passes"));
  return TeacherRows(teacher, std::move(block), seed, needed, limits);
}

}  // namespace

void prepare(DistillOptions& options, const ModelConfig& teacher, const ModelConfig& student) {
  check_options(options);
  if (teacher.vocab != student.vocab) {
    fail_input(options.student, ": vocab_size: expected the teacher's ", teacher.vocab, ", found ", student.vocab,
               "; distillation needs one vocabulary");
  }
  if (options.loss == "layers" || options.layer_weight > 0) check_layers(teacher, student, options.student);
  options.train.scale(student, kRate, kRateInherited);
  options.train.check(std::min(student.max_position, teacher.max_position));
}

DistillResult distill(DistillOptions options, bool overwrite, bool resume, const std::string& command) {
  check_options(options);  // before files: a missing flag is the likelier error
  if (fs::exists(options.out) && !overwrite) {
    fail_usage(options.out, " exists already: pass --overwrite to replace it, or choose another --out");
  }
  const ModelConfig config = read_config(options.student);
  const ModelConfig teacher_config = read_config(options.teacher);
  prepare(options, teacher_config, config);
  check_tokenizers(options);
  prepare_device(options.train);

  Model teacher = load_model(options.teacher, options.train.options());
  Model student = load_model(options.student, options.train.options());
  teacher.require_grad(false);
  TeacherRows rows = make_rows(options, teacher);
  const auto stored = WeightSource::open(options.student);
  TrainTask task{.model = student, .is_new = is_new_mixer};
  if (options.loss == "layers") {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      layer_losses(student, teacher, rows.ids(first, count), options.layer, add);
    };
  } else if (options.layer_weight > 0) {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      const TeacherBatch batch = rows.batch(first, count);
      const StreamLoss stream = stream_loss(student, teacher, batch.ids, options.layer);
      const at::Tensor kl = ops::distillation_kl(stream.hidden.flatten(0, 1), student.head().weight,
                                                 batch.hidden.flatten(0, 1), teacher.head().weight);
      // Both terms keep their proportion as they fall; the loss that is shown is the KL.
      const at::Tensor scale = kl.detach() / stream.distance.detach().clamp_min(1e-12) * options.layer_weight;
      add(kl + scale * (stream.distance - stream.distance.detach()));
    };
  } else {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      const TeacherBatch batch = rows.batch(first, count);
      const at::Tensor hidden = student.hidden(batch.ids);
      add(ops::distillation_kl(hidden.flatten(0, 1), student.head().weight, batch.hidden.flatten(0, 1),
                               teacher.head().weight));
    };
  }
  if (options.train.dtype != "fp32") task.stored = [&](const std::string& name) { return stored->get(name); };
  task.run = run_folder(options.out);
  task.identity = identity_of(save_fields(options));
  task.identity["student_checksum"] = checksum(student);
  task.resume = resume;
  task.label = "distilling";

  DistillResult result;
  result.settings = options.train;
  result.parameters = student.parameter_count();
  result.report = train(task, options.train);

  OutputFolder folder(options.out, overwrite);
  save_model(folder.path(), student);
  copy_companions(options.student, folder.path());
  write_file(folder.path() / "README.md",
             model_card(fs::path(options.out).filename().string(), cat("Distilled from `", options.teacher, "`."),
                        command, result.report, save_fields(options)));
  folder.commit();
  remove_checkpoints(task.run);
  return result;
}

}  // namespace zebra
