#include "train/distill.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "infer/generate.h"
#include "model/architecture.h"
#include "model/checkpoint.h"
#include "train/distill_layers.h"
#include "train/distill_rows.h"
#include "train/distill_student.h"
#include "train/freeze.h"
#include "train/length_stages.h"
#include "train/run_checks.h"

namespace zebra {

namespace {

// Peak rates for a model of hidden size 64. 3e-3 and 1e-3 were best at 256; wider models follow the same line.
constexpr double kRate = 4e-3, kRateInherited = 1.5e-3;

}  // namespace

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
  if (options.held_out < -1) fail_usage("held_out: expected 0 or more rows, found ", options.held_out);
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
  if (options.loss == "layers" && options.layer.match == "matrix" && options.documents_apart) {
    fail_usage("layer_match: matrix takes rows as a whole, so expected --documents-apart false, found true");
  }
  if (!(options.on_policy >= 0 && options.on_policy <= 1)) {
    fail_usage("on_policy: expected 0 to 1, found ", options.on_policy);
  }
  if (!(options.on_policy_temperature >= 0)) {
    fail_usage("on_policy_temperature: expected 0 or more, found ", options.on_policy_temperature);
  }
  if (options.on_policy > 0) {
    if (options.loss != "kl") fail_usage("on_policy: expected --loss kl, found ", options.loss);
    if (!options.teacher_cache.empty()) fail_usage("on_policy: the teacher must read new text, so no --teacher-cache");
    if (options.on_policy == 1 && (options.token.ce_weight != 0 || options.layer_weight > 0)) {
      fail_usage(
          "ce_weight and layer_weight: expected 0 with --on-policy 1, whose steps have no text to follow, found ",
          options.token.ce_weight, " and ", options.layer_weight);
    }
    if (options.documents_apart) fail_usage("on_policy: expected --documents-apart false, found true");
  }
  if (!(options.layer_weight >= 0 || options.layer_weight == -1)) {
    fail_usage("layer_weight: expected 0 or more, or -1 = by the models, found ", options.layer_weight);
  }
  if (!(options.layer_part > 0)) fail_usage("layer_part: expected more than 0, found ", options.layer_part);
  if (!(options.cache_gib >= 0)) fail_usage("cache_gib: expected 0 or more, found ", options.cache_gib);
}

namespace {

// What is left of --layer-weight at row `first`: it leads early on and must not bend the end of the run, where only the
// next token counts.
double layer_weight(const DistillOptions& options, int64_t first) {
  const auto done = static_cast<double>(first / options.train.rows_per_step());
  const double until = options.layer_part * static_cast<double>(options.train.steps());
  return options.layer_weight * std::max(0.0, 1 - done / until);
}

// What the teacher says of `count` rows of `rows`, on disk in `folder`.
TargetCache open_cache(const DistillOptions& options, const Model& teacher, const std::shared_future<int64_t>& weights,
                       const TeacherRows& rows, int64_t count, const fs::path& folder) {
  const TrainSettings& train = options.train;
  const bool top = options.token.divergence == "topk";
  // Shards are as large whatever the steps are, but whole passes: rows then meet in the teacher as they do without.
  const int64_t pass = train.rows_per_pass(), passes = std::max<int64_t>(1, 65536 / train.micro_tokens);
  TargetCache::Plan plan{.length = train.length,
                         .rows = count,
                         .vocab = teacher.config().vocab,
                         .top_k = top ? options.token.top_k : 0,
                         .samples = top ? 0 : options.token.samples_per_token,
                         .apart = options.documents_apart,
                         .pass_rows = pass,
                         .shard_rows = passes * pass};
  plan.key = {{"format", 2},
              {"teacher_checksum", weights.get()},
              {"teacher", architecture_json(teacher.config())},
              {"seed", train.seed},  // before the text, whose held-out rows it chooses
              {"text", rows.text_identity()},
              {"length", plan.length},
              {"vocab", plan.vocab},
              {"divergence", options.token.divergence},
              {top ? "top_k" : "samples_per_token", top ? plan.top_k : plan.samples},
              {"temperature", options.token.temperature},
              {"documents_apart", plan.apart},
              {"shard_rows", plan.shard_rows}};
  if (!options.lengths.empty()) {  // which rows are cut depends on the steps
    plan.key["lengths"] = options.lengths;
    plan.key["batch_tokens"] = train.batch_tokens;
    plan.key["tokens"] = train.tokens;
  }
  return TargetCache(folder, std::move(plan));
}

// Whether the student writes the text of a step itself.
bool writes_itself(const DistillOptions& options, int64_t step) {
  if (options.on_policy <= 0) return false;
  Rng rng(static_cast<uint64_t>(options.train.seed) ^ 0x6A09E667F3BCC909ull, static_cast<uint64_t>(step));
  return rng.uniform() < options.on_policy;
}

}  // namespace

Json distillation_content(const ModelConfig& teacher, int64_t weights, const std::string& text, int64_t held_out) {
  return {{"teacher_weights", weights},
          {"teacher_config", checksum(teacher)},
          {"text", held_out > 0 ? cat(text, ", ", held_out, " more rows held out") : text}};
}

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
    if (options.layer_weight == -1 && same_layers(teacher, student)) {
      log_line("teacher_cache: layer_weight is 0, not 1 as without it: the layers of a teacher on disk are not known");
    }
    options.layer_weight = 0;
  }
  if (options.on_policy == 1) options.layer_weight = 0;
  frozen_parameters(student, options.freeze);  // Error(usage) before anything is read
  if (options.layer_weight == -1) options.layer_weight = options.loss == "kl" && same_layers(teacher, student) ? 1 : 0;
  if (options.loss == "layers") check_replaced_layers(teacher, student, options.student);
  if (options.loss == "layers" && options.layer.match == "matrix") check_same_heads(teacher, student, options.student);
  if (options.layer_weight > 0) check_same_layers(teacher, student, options.student);
  const auto stages = parse_length_stages(options.lengths);
  if (!stages.empty()) {
    const int64_t longest = stages.back().length;
    if (options.train.length != 0 && options.train.length != longest) {
      fail_usage("length: expected the last of lengths, ", longest, ", found ", options.train.length);
    }
    options.train.length = longest;
  }
  if (options.documents_apart && options.data.front() == "sample") {
    fail_usage("documents_apart: expected --data FILE, found sample, whose rows are written in one go");
  }
  const double narrower = std::pow(1 / relative_width(student), 0.25);
  options.train.scale(student, kRate * narrower, kRateInherited * narrower);
  options.train.check(std::min(student.max_position, teacher.max_position));
  const int64_t shortest = stages.empty() ? options.train.length : stages.front().length;
  if (options.on_policy > 0 && (options.prompt_tokens < 0 || options.prompt_tokens >= shortest || shortest < 2)) {
    fail_usage("prompt_tokens: expected 0 (half a row) up to ", shortest - 1, ", one less than a row, found ",
               options.prompt_tokens);
  }
}

DistillResult distill(DistillOptions options, bool overwrite, bool resume, const std::string& command) {
  check_options(options);  // before files: a missing flag is the likelier error
  if (options.loss == "layers") return distill_layers({options}, overwrite, resume, command).front();
  OutputFolder folder(options.out, overwrite, inputs_of(options));
  const ModelConfig config = read_config(options.student);
  const ModelConfig teacher_config = read_config(options.teacher);
  prepare(options, teacher_config, config);
  prepare_device(options.train);

  std::optional<Model> held(load_model(options.teacher, options.train.options()));
  Model& teacher = *held;
  teacher.require_grad(false);
  const std::shared_future<int64_t> weights = begin_checksum(teacher);
  std::optional<DistillationRows> made = distillation_rows(options, teacher);
  TeacherRows& rows = made->train;
  const int64_t all_rows = options.train.steps() * options.train.rows_per_step();
  std::optional<TargetCache> cache, held_out_cache;
  if (!options.teacher_cache.empty()) {
    const fs::path folder = options.teacher_cache;
    cache = open_cache(options, teacher, weights, rows, all_rows, folder);
    if (made->held_out) {
      held_out_cache = open_cache(options, teacher, weights, *made->held_out, options.held_out, folder / "held-out");
    }
  }
  const bool teacher_runs = !cache || !cache->complete() || (held_out_cache && !held_out_cache->complete());
  const std::string text = rows.text_identity();
  if (!teacher_runs) {
    made.reset(), held.reset();
    log_line(cat("all that the teacher says is in ", options.teacher_cache));
  }
  DistillStudent learner(options);  // beside the teacher only where that runs
  const Model& student = learner.model;
  TrainTask task = learner.task(resume);
  if (teacher_runs) task.fixed = {&teacher};
  const auto stages = parse_length_stages(options.lengths);
  // Rows are counted in the longest length; a step of an earlier stage cuts them.
  const auto length_of = [&](int64_t first) {
    return length_at(stages, first / options.train.rows_per_step(), options.train.steps(), options.train.length);
  };
  const auto number_of = [&](int64_t first) { return first * (options.train.length / length_of(first)); };
  const auto loss_of = [&](const TokenStates& states) {
    return token_loss(options.token, student, teacher, states, options.train.seed);
  };
  const auto plain_loss = [&](int64_t first, int64_t count) {
    const TeacherBatch batch = rows.batch(first, count, length_of(first));
    return loss_of({.ids = batch.ids,
                    .student = student.hidden(batch.ids, batch.rows),
                    .teacher = batch.hidden,
                    .first = number_of(first),
                    .rows = batch.rows});
  };
  // What the teacher says of the student's own continuations (GKD, Agarwal et al. 2024): only of the tokens that it
  // drew.
  const auto own_loss = [&](int64_t first, int64_t count) {
    const at::Tensor text = rows.text(first, count, length_of(first)).ids;
    const int64_t length = text.size(1), given = options.prompt_tokens > 0 ? options.prompt_tokens : length / 2;
    // Rows of another length have the same numbers again, and must not draw the same.
    const uint64_t seed = static_cast<uint64_t>(options.train.seed) * 0x9E3779B97F4A7C15ull + 1 +
                          static_cast<uint64_t>(length) * 0xBF58476D1CE4E5B9ull;
    const at::Tensor ids = continue_rows(student, text.narrow(1, 0, given), length, options.on_policy_temperature, seed,
                                         static_cast<uint64_t>(number_of(first)));
    const auto drawn = [&](const at::Tensor& hidden) { return hidden.narrow(1, given - 1, length - given); };
    at::Tensor said;
    {
      c10::NoGradGuard no_grad;
      said = drawn(teacher.hidden(ids));
    }
    TokenLoss settings = options.token;
    settings.ce_weight = 0;  // there is no text to follow
    return token_loss(settings, student, teacher,
                      {.ids = drawn(ids.unsqueeze(-1)).squeeze(-1),
                       .student = drawn(student.hidden(ids)),
                       .teacher = said,
                       .first = number_of(first)},
                      options.train.seed);
  };
  // `number` is that of the first row in the run.
  const auto targets_of = [&](const TeacherBatch& batch, int64_t count, int64_t number) -> StoredRows {
    const auto whole = [&](const at::Tensor& x) { return x.defined() ? x.view({count, -1}) : x; };
    return {whole(batch.ids), token_targets(options.token, teacher, batch.hidden, number, options.train.seed),
            whole(batch.rows.starts)};
  };
  const TargetCache::Make make = [&](int64_t first, int64_t count) {
    c10::NoGradGuard no_grad;
    return targets_of(rows.batch(first, count, length_of(first)), count, number_of(first));
  };
  const auto loss_from = [&](const StoredRows& stored, int64_t length) {
    const at::Tensor ids = stored.ids.view({-1, length});
    const Rows rows{.starts = stored.starts.defined() ? stored.starts.view(ids.sizes()) : at::Tensor()};
    return token_loss(options.token, student, {.ids = ids, .student = student.hidden(ids, rows), .rows = rows},
                      stored.targets);
  };
  if (cache) {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      add(loss_from(cache->rows(first, count, teacher_runs ? make : nullptr, options.train.options().device()),
                    length_of(first)));
    };
  } else if (options.layer_weight > 0) {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) {
      const double weight = layer_weight(options, first);
      if (weight == 0) return add(plain_loss(first, count));
      const TeacherBatch batch = rows.text(first, count, length_of(first));
      const StreamLoss stream = stream_loss(student, teacher, batch.ids, options.layer, batch.rows);
      const at::Tensor loss = loss_of({.ids = batch.ids,
                                       .student = stream.hidden,
                                       .teacher = stream.teacher_hidden,
                                       .first = number_of(first),
                                       .rows = batch.rows});
      // The terms' proportion does not depend on their sizes; the loss that is shown is that of the next token. Only
      // sampled ones can be below 0.
      const at::Tensor scale = loss.detach().clamp_min(0) / stream.distance.detach().clamp_min(1e-12) * weight;
      add(loss + scale * (stream.distance - stream.distance.detach()));
    };
  } else {
    task.loss = [&](int64_t first, int64_t count, const LossSink& add) { add(plain_loss(first, count)); };
  }
  if (options.on_policy > 0) {
    task.loss = [&, given = task.loss](int64_t first, int64_t count, const LossSink& add) {
      const bool own = writes_itself(options, first / options.train.rows_per_step());
      own ? add(own_loss(first, count)) : given(first, count, add);
    };
  }
  task.content.update(distillation_content(teacher_config, weights.get(), text, options.held_out));
  // Held-out rows are numbered behind those of the run: what is drawn for them is drawn for no other.
  const TargetCache::Make make_held_out = [&](int64_t first, int64_t count) {
    return targets_of(made->held_out->batch(first, count), count, all_rows + first);
  };
  if (options.held_out > 0) {
    task.held_out = [&] {
      return mean_over_rows(options, [&](int64_t first, int64_t count) {
        if (held_out_cache) {
          return loss_from(held_out_cache->rows(first, count, teacher_runs ? make_held_out : nullptr,
                                                options.train.options().device()),
                           options.train.length);
        }
        const TeacherBatch batch = made->held_out->batch(first, count);
        return loss_of({.ids = batch.ids,
                        .student = student.hidden(batch.ids, batch.rows),
                        .teacher = batch.hidden,
                        .first = all_rows + first,
                        .rows = batch.rows});
      });
    };
  }
  const TrainReport report = train(task, options.train);
  const DistillResult result = learner.write(folder, report, command);
  folder.commit();
  learner.remove_run_checkpoints();
  return result;
}

}  // namespace zebra
