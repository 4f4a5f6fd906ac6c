#include "train/distill.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/json_fields.h"
#include "model/checkpoint.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint.h"
#include "train/freeze.h"
#include "train/report_page.h"
#include "train/run_checks.h"
#include "train/teacher_rows.h"

namespace zebra {

namespace {

// Peak rates for a model of hidden size 64. 3e-3 and 1e-3 were best at 256; wider models follow the same line.
constexpr double kRate = 4e-3, kRateInherited = 1.5e-3;

// The mixers that replaced attention; the rest came trained.
bool is_new_mixer(const std::string& name) {
  return name.find(".mla.") != std::string::npos || name.find(".mamba.") != std::string::npos;
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
  if (options.loss == "layers" && !options.token.is_plain_kl()) {
    fail_usage(
        "divergence, temperature and ce_weight: expected kl, 1 and 0 with --loss layers, which does not reach the "
        "next token, found ",
        options.token.divergence, ", ", options.token.temperature, " and ", options.token.ce_weight);
  }
  options.layer.check();
  if (!(options.layer_weight >= 0 || options.layer_weight == -1)) {
    fail_usage("layer_weight: expected 0 or more, or -1 = by the models, found ", options.layer_weight);
  }
  if (!(options.layer_part > 0)) fail_usage("layer_part: expected more than 0, found ", options.layer_part);
  if (!(options.cache_gib >= 0)) fail_usage("cache_gib: expected 0 or more, found ", options.cache_gib);
}

// What is left of --layer-weight at row `first`: it leads early on and must not bend the end of the run, where only the
// next token counts.
double layer_weight(const DistillOptions& options, int64_t first) {
  const auto done = static_cast<double>(first / options.train.rows_per_step());
  const double until = options.layer_part * static_cast<double>(options.train.steps());
  return options.layer_weight * std::max(0.0, 1 - done / until);
}

// The targets of the run on disk; none where nobody asked.
std::optional<TargetCache> open_cache(const DistillOptions& options, Model& teacher, const TeacherRows& rows) {
  if (options.teacher_cache.empty()) return std::nullopt;
  const TrainSettings& train = options.train;
  const bool top = options.token.divergence == "topk";
  // Shards are as large whatever the steps are, but whole passes: rows then meet in the teacher as they do without.
  const int64_t pass = train.rows_per_pass(), passes = std::max<int64_t>(1, 65536 / train.micro_tokens);
  TargetCache::Plan plan{.length = train.length,
                         .rows = train.steps() * train.rows_per_step(),
                         .vocab = teacher.config().vocab,
                         .top_k = top ? options.token.top_k : 0,
                         .samples = top ? 0 : options.token.samples_per_token,
                         .pass_rows = pass,
                         .shard_rows = passes * pass};
  plan.key = {{"format", 1},
              {"teacher_checksum", checksum(teacher)},
              {"text", rows.text_identity()},
              {"length", plan.length},
              {"seed", train.seed},
              {"vocab", plan.vocab},
              {"divergence", options.token.divergence},
              {top ? "top_k" : "samples_per_token", top ? plan.top_k : plan.samples},
              {"temperature", options.token.temperature},
              {"shard_rows", plan.shard_rows}};
  return TargetCache(options.teacher_cache, std::move(plan));
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
  check_same_vocabulary(options.student, student, options.teacher, teacher);
  options.token.check(student.vocab);
  if (!options.teacher_cache.empty()) {
    if (options.loss != "kl" || !options.token.can_be_stored()) {
      fail_usage("teacher_cache: expected --loss kl and --divergence topk or sampled, found ", options.loss, " and ",
                 options.token.divergence, ": of those it would hold far more than the teacher takes to run");
    }
    if (options.layer_weight > 0) {
      fail_usage("teacher_cache: expected --layer-weight 0, found ", options.layer_weight,
                 ": the layers of a teacher that does not run are not known");
    }
    if (options.token.samples_per_token > 32767) {
      fail_usage("teacher_cache: expected --samples-per-token up to 32767, found ", options.token.samples_per_token);
    }
    options.layer_weight = 0;
  }
  frozen_parameters(student, options.freeze);  // Error(usage) before anything is read
  if (options.layer_weight == -1) options.layer_weight = options.loss == "kl" && same_layers(teacher, student) ? 1 : 0;
  if (options.loss == "layers") check_replaced_layers(teacher, student, options.student);
  if (options.layer_weight > 0) check_same_layers(teacher, student, options.student);
  const double narrower = std::pow(1 / relative_width(student), 0.25);
  options.train.scale(student, kRate * narrower, kRateInherited * narrower);
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
  prepare_device(options.train);

  std::optional<Model> held(load_model(options.teacher, options.train.options()));
  Model& teacher = *held;
  Model student = load_model(options.student, options.train.options());
  teacher.require_grad(false);
  const std::set<std::string> frozen = frozen_parameters(config, options.freeze);
  std::optional<TeacherRows> made = make_rows(options, teacher);
  TeacherRows& rows = *made;
  std::optional<TargetCache> cache = open_cache(options, teacher, rows);
  const bool teacher_runs = !cache || !cache->complete();
  if (!teacher_runs) {
    made.reset(), held.reset();
    log_line(cat("all that the teacher says is in ", options.teacher_cache));
  }
  const auto stored = WeightSource::open(options.student);
  TrainTask task{.model = student, .is_new = is_new_mixer};
  task.is_frozen = [&](const std::string& name) { return frozen.count(name) > 0; };
  const auto loss_of = [&](const TokenStates& states) {
    return token_loss(options.token, student, teacher, states, options.train.seed);
  };
  const auto plain_loss = [&](int64_t first, int64_t count) {
    const TeacherBatch batch = rows.batch(first, count);
    return loss_of({.ids = batch.ids, .student = student.hidden(batch.ids), .teacher = batch.hidden, .first = first});
  };
  const TargetCache::Make make = [&](int64_t first, int64_t count) -> StoredRows {
    c10::NoGradGuard no_grad;
    const TeacherBatch batch = rows.batch(first, count);
    return {batch.ids, token_targets(options.token, teacher, batch.hidden, first, options.train.seed)};
  };
  if (cache) {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      const StoredRows stored =
          cache->rows(first, count, teacher_runs ? make : nullptr, options.train.options().device());
      add(token_loss(options.token, student, {.ids = stored.ids, .student = student.hidden(stored.ids), .first = first},
                     stored.targets));
    };
  } else if (options.loss == "layers") {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      layer_losses(student, teacher, rows.ids(first, count), options.layer, add);
    };
  } else if (options.layer_weight > 0) {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      const double weight = layer_weight(options, first);
      if (weight == 0) return add(plain_loss(first, count));
      const at::Tensor ids = rows.ids(first, count);
      const StreamLoss stream = stream_loss(student, teacher, ids, options.layer);
      const at::Tensor loss =
          loss_of({.ids = ids, .student = stream.hidden, .teacher = stream.teacher_hidden, .first = first});
      // The terms' proportion does not depend on their sizes; the loss that is shown is that of the next token. Only
      // sampled ones can be below 0.
      const at::Tensor scale = loss.detach().clamp_min(0) / stream.distance.detach().clamp_min(1e-12) * weight;
      add(loss + scale * (stream.distance - stream.distance.detach()));
    };
  } else {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) { add(plain_loss(first, count)); };
  }
  if (options.train.dtype != "fp32") task.stored = [&](const std::string& name) { return stored->get(name); };
  task.run = run_folder(options.out);
  task.identity = identity_of(save_fields(options));
  task.identity.erase("teacher_cache");  // where the same numbers come from
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
  write_summary(folder.path(),
                {.title = fs::path(options.out).filename().string(),
                 .origin = cat("Distilled from `", options.teacher, "`."),
                 .command = command,
                 .report = result.report,
                 .settings = save_fields(options)},
                student.config(), task.run);
  folder.commit();
  remove_checkpoints(task.run);
  return result;
}

}  // namespace zebra
