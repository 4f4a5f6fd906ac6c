#include "train/distill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <sstream>

#include "base/error.h"
#include "infer/generate.h"
#include "io/json_fields.h"
#include "io/safetensors.h"
#include "support/peak_memory.h"
#include "train/distill_fixture.h"
#include "train/distill_rows.h"
#include "train/run_checks.h"
#include "train/teacher_rows.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::teacher_config;
using testing_support::write_model;

class Distill : public testing_support::DistillFolders {
 protected:
  std::string error_of(const DistillOptions& options, ErrorKind kind) const {
    try {
      distill(options, false, true, "zebra distill");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_FALSE(fs::exists(options.out));
      return error.what();
    }
    return "";
  }
  void stop_behind(const DistillOptions& options, int64_t step) const {
    stop_run(options.out, step, [&] { distill(options, false, true, ""); });
  }
};

TEST_F(Distill, WritesACompleteFolder) {
  for (const std::string& data : {std::string("sample"), text()}) {
    const DistillResult result = distill(options(data), true, true, "zebra distill --tokens 1");
    EXPECT_EQ(result.report.steps, 30);
    EXPECT_LT(result.report.last_loss, 0.7 * result.report.first_loss) << data;
    const fs::path out = options(data).out;
    for (const char* file :
         {"config.json", "hybrid_config.json", "model.safetensors", "tokenizer.json", "README.md", "report.html"}) {
      EXPECT_TRUE(fs::exists(out / file)) << file;
    }
    const std::string card = read_file(out / "README.md");
    EXPECT_NE(card.find("zebra distill --tokens 1"), std::string::npos);
    EXPECT_NE(card.find("30 steps"), std::string::npos);
    EXPECT_TRUE(fs::exists(run_folder(out) / "metrics.jsonl"));
    EXPECT_FALSE(fs::exists(run_folder(out) / "checkpoints"));
    Model trained = load_model(out);
    EXPECT_EQ(trained.parameter_count(), result.parameters);
  }
}

// Held-out rows are none of those that are trained on, whatever the loss is and wherever the teacher's words come from.
TEST_F(Distill, MeasuresRowsThatItNeverTrainsOn) {
  for (const std::string& data : {std::string("sample"), text()}) {
    for (const std::string divergence : {"kl", "reverse-kl", "topk", "layers"}) {
      DistillOptions run = options(data);
      run.train.tokens = 128 * 12, run.train.save_every = 5;
      if (divergence == "layers")
        run.loss = "layers";
      else
        run.token.divergence = divergence;
      run.token.top_k = 5;
      const DistillResult result = distill(run, true, false, "");
      ASSERT_TRUE(result.report.held_out) << data << " " << divergence;
      const HeldOutReport& found = *result.report.held_out;
      EXPECT_EQ(found.rows, 4) << data;
      EXPECT_LT(found.after, found.before) << data << " " << divergence;
      EXPECT_GE(found.step, 1);
      const std::string card = read_file(fs::path(run.out) / "README.md");
      EXPECT_NE(card.find(cat("held out: ",
                              divergence == "kl"       ? "KL"
                              : divergence == "layers" ? "layer error"
                                                       : "loss",
                              " before")),
                std::string::npos)
          << card;
      const std::string metrics = read_file(run_folder(run.out) / "metrics.jsonl");
      EXPECT_NE(metrics.find("held_out"), std::string::npos);
      run.held_out = 0;
      EXPECT_FALSE(distill(run, true, false, "").report.held_out);
    }
  }
}

TEST_F(Distill, HeldOutRowsAreNotInTheText) {
  const Model teacher = load_model(folder.path / "teacher");
  for (const std::string& data : {std::string("sample"), text()}) {
    DistillOptions run = options(data);
    run.held_out = 5;
    const auto rows_of = [](auto&& rows, int64_t count) {
      std::vector<std::vector<int64_t>> out;
      const at::Tensor ids = rows.text(0, count).ids;
      for (int64_t row = 0; row < count; ++row) {
        out.emplace_back(ids[row].const_data_ptr<int64_t>(), ids[row].const_data_ptr<int64_t>() + ids.size(1));
      }
      std::sort(out.begin(), out.end());
      return out;
    };
    DistillationRows made = distillation_rows(run, teacher), again = distillation_rows(run, teacher);
    const auto aside = rows_of(*made.held_out, 5);
    EXPECT_EQ(aside, rows_of(*again.held_out, 5));
    DistillOptions none = run, other = run;
    none.held_out = 0, other.train.seed = 1;
    EXPECT_NE(aside, rows_of(*distillation_rows(other, teacher).held_out, 5)) << data;
    if (data == "sample") continue;  // of which no row comes twice
    // All rows of the text are in one of the two, and as often.
    DistillationRows whole = distillation_rows(none, teacher);
    EXPECT_FALSE(whole.held_out);
    const int64_t all = std::stoll(whole.train.text_identity()) / 16;  // "1200 tokens of files, .."
    auto together = rows_of(made.train, all - 5), everything = rows_of(whole.train, all);
    together.insert(together.end(), aside.begin(), aside.end());
    std::sort(together.begin(), together.end());
    EXPECT_EQ(together, everything);
  }
  DistillOptions many = options(text());
  many.held_out = 1000;
  EXPECT_NE(error_of(many, ErrorKind::usage).find("held_out: expected fewer than the"), std::string::npos);
  many.held_out = -2;
  EXPECT_NE(error_of(many, ErrorKind::usage).find("held_out: expected 0 or more"), std::string::npos);
}

TEST_F(Distill, ATeacherThatIsNotFiniteTrainsNobody) {
  for (const bool of_teacher : {true, false}) {
    const fs::path place = folder.path / (of_teacher ? "teacher" : "student");
    const std::string name = "model.layers.0.mlp.up_proj.weight";
    Model model = load_model(place);
    const std::string before = read_file(place / "model.safetensors");
    // The writer refuses such weights, so they are put where the file has them.
    std::string wrong = before;
    const SafetensorsFile file(place / "model.safetensors");
    const TensorView& view = file.tensors().at(name);
    const size_t offset = before.find(std::string(reinterpret_cast<const char*>(view.data), view.bytes));
    ASSERT_NE(offset, std::string::npos);
    const float bad = std::numeric_limits<float>::infinity();
    std::memcpy(wrong.data() + offset, &bad, sizeof bad);
    write_file(place / "model.safetensors", wrong);
    for (const char* loss : {"kl", "layers"}) {
      for (const int64_t held_out : {-1, 0}) {
        DistillOptions run = options(text());
        run.loss = loss, run.held_out = held_out, run.train.tokens = 128 * 2;
        const std::string found = error_of(run, ErrorKind::input);
        EXPECT_NE(found.find(cat(name, " has 1 of 384 values that are infinite or NaN")), std::string::npos) << found;
        fs::remove_all(run_folder(run.out));
      }
    }
    write_file(place / "model.safetensors", before);
  }
}

TEST_F(Distill, IsBitForBitTheSameAgain) {
  const auto weights = [&](const DistillOptions& options) {
    distill(options, true, false, "");
    return read_file(fs::path(options.out) / "model.safetensors");
  };
  DistillOptions other = options("sample");
  other.samples = 24;  // fewer rows than the run wants: they return, shuffled
  const std::string first = weights(other);
  EXPECT_EQ(first, weights(other));
  other.train.seed = 1;
  EXPECT_NE(first, weights(other));
}

// Only the mixers and the norms before them are moved, and towards the teacher's layers.
TEST_F(Distill, LayersLearnTheTeachers) {
  DistillOptions layers = options(text());
  layers.loss = "layers";
  const DistillResult result = distill(layers, false, true, "");
  EXPECT_LT(result.report.last_loss, 0.7 * result.report.first_loss);
  Model before = load_model(layers.student), after = load_model(layers.out);
  std::map<std::string, at::Tensor> old;
  before.parameters([&](const std::string& name, at::Tensor& value) { old[name] = value; });
  after.parameters([&](const std::string& name, at::Tensor& value) {
    const bool kept = name.find(".mlp.") != std::string::npos || name.find("embed") != std::string::npos;
    EXPECT_TRUE(!kept || at::equal(old[name], value)) << name;
  });
}

// The distance of the layers moves the weights for the part of the run that was asked for; the loss that is shown is
// the KL throughout.
TEST_F(Distill, LayerWeightFallsToNothing) {
  const auto losses = [&](double weight, double part) {
    DistillOptions run = options(text());
    run.layer_weight = weight, run.layer_part = part, run.cache_gib = 0;
    run.train.lr = run.train.lr_inherited = 1e-9;  // weights hardly move: the losses of two runs can be compared
    distill(run, true, false, "");
    std::vector<double> out;
    std::istringstream lines(read_file(run_folder(run.out) / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line)["loss"].get<double>());
    return out;
  };
  const auto plain = losses(0, 0.5), mixed = losses(2, 0.5);
  ASSERT_EQ(plain.size(), mixed.size());
  for (size_t step = 0; step < plain.size(); ++step) EXPECT_NEAR(mixed[step], plain[step], 1e-4 * plain[step]);

  const auto weights = [&](double weight, double part) {
    DistillOptions run = options(text());
    run.layer_weight = weight, run.layer_part = part, run.train.tokens = 128 * 8;
    distill(run, true, false, "");
    return read_file(fs::path(run.out) / "model.safetensors");
  };
  EXPECT_NE(weights(2, 1), weights(0, 1));
  EXPECT_NE(weights(2, 1), weights(2, 0.25));
  const auto refused = [&](double part) {
    DistillOptions run = options(text());
    run.layer_part = part, run.out = (folder.path / "refused").string();
    return error_of(run, ErrorKind::usage);
  };
  EXPECT_NE(refused(0).find("layer_part"), std::string::npos);
}

TEST_F(Distill, CheckpointingChangesNothing) {
  for (const double layer_weight : {0.0, 1.0}) {
    const auto weights = [&](bool checkpointing) {
      DistillOptions run = options(text());
      run.layer_weight = layer_weight, run.freeze = {"model.layers.0.mlp.*"};
      run.train.tokens = 128 * 6, run.train.micro_tokens = 64, run.train.checkpointing = checkpointing;
      distill(run, true, false, "");
      return read_file(fs::path(run.out) / "model.safetensors");
    };
    EXPECT_EQ(weights(false), weights(true)) << layer_weight;
  }
}

TEST_F(Distill, CheckpointingHoldsOneLayerAtATime) {
  ModelConfig deep = student_config();
  const std::vector<MixerConfig> once = deep.mixers;
  for (int i = 1; i < 8; ++i) deep.mixers.insert(deep.mixers.end(), once.begin(), once.end());
  Model model(deep);
  initialise_random(model, 1);
  model.require_grad(true);
  model.hidden(at::zeros({2, 64}, at::kLong)).sum().backward();  // gradients are there from now on
  const auto peak = [&](bool recompute) {
    model.recompute_blocks(recompute);
    return testing::peak_bytes([&] { model.hidden(at::zeros({2, 64}, at::kLong)).sum().backward(); });
  };
  EXPECT_LT(peak(true), peak(false) / 4);
}

// With what the teacher said on disk a run takes the same steps as with the teacher itself, whoever wrote it.
TEST_F(Distill, TargetsFromDiskAreTheTeachers) {
  for (const std::string& data : {std::string("sample"), text()}) {
    for (const std::string divergence : {"topk", "sampled"}) {
      DistillOptions run = options(data);
      run.token.divergence = divergence, run.token.top_k = 5, run.token.temperature = 1.5, run.token.ce_weight = 0.1;
      run.layer_weight = 0;
      run.train.micro_tokens = 64, run.train.tokens = 128 * 12;
      const auto weights = [&](const std::string& cache) {
        run.teacher_cache = cache;
        distill(run, true, false, "");
        return read_file(fs::path(run.out) / "model.safetensors");
      };
      const std::string cache = (folder.path / cat("cache-", divergence, data == "sample")).string();
      const std::string live = weights(""), writing = weights(cache), reading = weights(cache);
      EXPECT_EQ(live, writing) << divergence << " " << data;
      EXPECT_EQ(live, reading) << divergence << " " << data;
    }
  }
}

// Rows grow and documents stay apart; a run stopped in any stage goes on with the same bits, and so does one from disk.
TEST_F(Distill, LengthStagesResumeAndCacheExactly) {
  DistillOptions run = options(text());
  run.token.divergence = "sampled", run.token.samples_per_token = 6, run.token.ce_weight = 0.5, run.layer_weight = 0;
  run.lengths = {"8:0.5", "16:0.25", "32:0.25"}, run.documents_apart = true;
  run.train.length = 0, run.train.micro_tokens = 64, run.train.tokens = 128 * 12, run.train.save_every = 1;
  const auto weights = [&](const DistillOptions& options, bool resume) {
    distill(options, true, resume, "");
    return read_file(fs::path(options.out) / "model.safetensors");
  };
  const std::string live = weights(run, false);
  DistillOptions cached = run;
  cached.teacher_cache = (folder.path / "cache").string();
  EXPECT_EQ(live, weights(cached, false));
  EXPECT_EQ(live, weights(cached, false));

  DistillOptions together = run;
  together.documents_apart = false;
  EXPECT_NE(live, weights(together, false));
  DistillOptions wrong = run;
  wrong.train.length = 16, wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("expected the last of lengths, 32, found 16"), std::string::npos);
  wrong = run, wrong.data = {"sample"}, wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("documents_apart"), std::string::npos);
  wrong = options(text()), wrong.loss = "layers", wrong.layer.match = "matrix", wrong.documents_apart = true;
  wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("--documents-apart false"), std::string::npos);

  for (const int64_t step : {3, 6, 9}) {
    DistillOptions stopped = run;
    stopped.out = (folder.path / cat("stopped", step)).string();
    stop_behind(stopped, step);
    EXPECT_EQ(live, weights(stopped, true)) << step;
  }
}

// Continuations are the student's own: greedy ones are those of generate(), a row does not depend on its neighbours.
TEST_F(Distill, RowsContinueAsTheModelDoes) {
  const Model model = load_model(folder.path / "student");
  const at::Tensor prompts = at::randint(2, 30, {5, 4}, at::kLong);
  const at::Tensor greedy = continue_rows(model, prompts, 12, 0, 1, 0);
  EXPECT_TRUE(at::equal(greedy.narrow(1, 0, 4), prompts));
  for (int64_t row = 0; row < 5; ++row) {
    std::vector<int64_t> prompt;
    for (int64_t i = 0; i < 4; ++i) prompt.push_back(prompts[row][i].item<int64_t>());
    const auto made = generate(model, prompt, 8, {});  // ends at eos
    for (size_t i = 0; i < made.size(); ++i)
      EXPECT_EQ(made[i], greedy[row][4 + static_cast<int64_t>(i)].item<int64_t>());
  }
  const at::Tensor drawn = continue_rows(model, prompts, 12, 1, 7, 20);
  EXPECT_TRUE(at::equal(drawn.narrow(0, 2, 2), continue_rows(model, prompts.narrow(0, 2, 2), 12, 1, 7, 22)));
  EXPECT_FALSE(at::equal(drawn, greedy));
}

TEST_F(Distill, OnPolicyStepsLearnAndResumeExactly) {
  DistillOptions run = options(text());
  run.token.divergence = "reverse-kl", run.on_policy = 0.5, run.prompt_tokens = 5;
  run.train.micro_tokens = 64, run.train.save_every = 1;
  const auto weights = [&](const DistillOptions& options, bool resume) {
    const DistillResult result = distill(options, true, resume, "");
    EXPECT_LT(result.report.last_loss, 0.8 * result.report.first_loss);
    return read_file(fs::path(options.out) / "model.safetensors");
  };
  const std::string live = weights(run, false);
  DistillOptions stopped = run;
  stopped.out = (folder.path / "stopped").string();
  stop_behind(stopped, 4);
  EXPECT_EQ(live, weights(stopped, true));
  DistillOptions off = run;
  off.on_policy = 0;
  EXPECT_NE(live, weights(off, false));
  DistillOptions wrong = run;
  wrong.prompt_tokens = 16, wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("prompt_tokens"), std::string::npos);
  wrong = run, wrong.loss = "layers", wrong.token = {}, wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("on_policy"), std::string::npos);
  wrong = run, wrong.on_policy = 1, wrong.token.ce_weight = 0.5, wrong.out = (folder.path / "refused").string();
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("ce_weight"), std::string::npos);
  wrong.token.ce_weight = 0, wrong.layer_weight = 1;
  EXPECT_NE(error_of(wrong, ErrorKind::usage).find("layer_weight"), std::string::npos);
}

// The same names, but not what the run began with.
TEST_F(Distill, AStoppedRunGoesOnWithTheSameTeacherTextAndStudentOnly) {
  DistillOptions run = options(text());
  run.train.save_every = 2;
  stop_run(run.out, 4, [&] { distill(run, false, true, ""); });
  const auto changed = [&](const fs::path& file, const std::string& content, const std::string& says) {
    const std::string before = read_file(file);
    ASSERT_NE(before, content) << says;
    write_file(file, content);
    const std::string error = error_of(run, ErrorKind::usage);
    EXPECT_NE(error.find(says + " differs"), std::string::npos) << says << ": " << error;
    EXPECT_NE(error.find("--resume never"), std::string::npos) << error;
    write_file(file, before);
  };
  // The same lines in another order, and one of them twice.
  const std::string lines = read_file(text());
  const size_t first = lines.find('\n') + 1;
  changed(text(), lines.substr(first) + lines.substr(0, first), "text");
  changed(text(), lines + lines.substr(0, first), "text");
  changed(text(), lines.substr(0, lines.size() / 4), "text");  // of which fewer rows are held out
  Model other = load_model(folder.path / "teacher");
  const auto exchange = [&](const char* name) {
    other.final_norm().weight[0].copy_(other.final_norm().weight[0] * 1.5);
    fs::create_directories(folder.path / "other");
    save_model(folder.path / "other", other);
    changed(folder.path / name / "model.safetensors", read_file(folder.path / "other" / "model.safetensors"),
            cat(name, std::string(name) == "teacher" ? "_weights" : "_checksum"));
  };
  exchange("teacher");
  other = load_model(folder.path / "student");
  exchange("student");
  Json config = read_json(folder.path / "teacher" / "config.json");
  config["rms_norm_eps"] = 0.25;
  changed(folder.path / "teacher" / "config.json", config.dump(), "teacher_config");
  config = read_json(folder.path / "student" / "hybrid_config.json");
  config["rope_theta"] = 77.0;
  changed(folder.path / "student" / "hybrid_config.json", config.dump(), "student_config");
  EXPECT_EQ(distill(run, false, true, "").report.steps, 30);
}

// Rearranged weights are other weights, and so is the same value under another name.
TEST_F(Distill, ChecksumsKnowTheOrder) {
  Model model = load_model(folder.path / "teacher");
  const int64_t before = checksum(model);
  EXPECT_EQ(before, checksum(model));
  const at::Tensor first = model.embedding()[3].clone();
  model.embedding()[3].copy_(model.embedding()[4]);
  model.embedding()[4].copy_(first);
  EXPECT_NE(before, checksum(model));
}

TEST_F(Distill, TargetCachesAreChecked) {
  DistillOptions run = options(text());
  run.token.divergence = "topk", run.token.top_k = 5, run.train.tokens = 128 * 3;
  run.teacher_cache = (folder.path / "cache").string();
  distill(run, true, false, "");
  fs::remove_all(run.out);
  const fs::path shard = folder.path / "cache" / "targets-00000000.safetensors";
  const std::string whole = read_file(shard);

  DistillOptions other = run;
  other.train.seed = 5;
  EXPECT_NE(error_of(other, ErrorKind::usage).find("targets.json: seed: expected 5, found 0"), std::string::npos);
  // The same weights in another architecture say other things.
  const std::string config = read_file(folder.path / "teacher" / "config.json");
  Json changed_config = Json::parse(config);
  changed_config["rms_norm_eps"] = 0.5;
  write_json(folder.path / "teacher" / "config.json", changed_config);
  EXPECT_NE(error_of(run, ErrorKind::usage).find("targets.json: teacher:"), std::string::npos);
  write_file(folder.path / "teacher" / "config.json", config);
  other = run, other.layer_weight = 1;
  EXPECT_NE(error_of(other, ErrorKind::usage).find("layer-weight 0"), std::string::npos);
  other = run, other.token.divergence = "kl";
  EXPECT_NE(error_of(other, ErrorKind::usage).find("topk or sampled"), std::string::npos);
  other = run, other.loss = "layers", other.token = {};
  EXPECT_NE(error_of(other, ErrorKind::usage).find("topk or sampled"), std::string::npos);

  std::string changed = whole;
  changed[changed.size() - 20] ^= 1;
  write_file(shard, changed);
  EXPECT_NE(error_of(run, ErrorKind::input).find("targets-00000000.safetensors: checksum"), std::string::npos);
  write_file(shard, whole.substr(0, whole.size() / 2));
  EXPECT_NE(error_of(run, ErrorKind::input).find("targets-00000000.safetensors"), std::string::npos);
  fs::remove(shard);  // made again, the same
  distill(run, true, false, "");
  EXPECT_EQ(read_file(shard), whole);
}

TEST_F(Distill, LowPrecisionLearnsAsWell) {
  DistillOptions low = options("sample");
  low.train.dtype = "bf16";
  const DistillResult result = distill(low, false, true, "");
  EXPECT_LT(result.report.last_loss, 0.8 * result.report.first_loss);
  EXPECT_EQ(WeightSource::open(low.out)->dtype("model.embed_tokens.weight"), at::kFloat);
}

TEST_F(Distill, ErrorsSayWhatIsWrong) {
  write_model(folder.path / "other", student_config(31), 3);
  DistillOptions vocabulary = options("sample");
  vocabulary.student = (folder.path / "other").string();
  EXPECT_NE(error_of(vocabulary, ErrorKind::input).find("expected the teacher's 30, found 31"), std::string::npos);

  DistillOptions none = options("sample");
  none.train.tokens = 0;
  EXPECT_NE(error_of(none, ErrorKind::usage).find("--tokens is missing"), std::string::npos);

  DistillOptions mixed = options("sample");
  mixed.data.push_back(text());
  EXPECT_NE(error_of(mixed, ErrorKind::usage).find("files or sample"), std::string::npos);

  DistillOptions long_rows = options(text());
  long_rows.train.length = 65, long_rows.train.batch_tokens = 130;
  EXPECT_NE(error_of(long_rows, ErrorKind::usage).find("context length 64, found 65"), std::string::npos);

  testing_support::write_text(folder.path / "short.jsonl", 0);
  DistillOptions short_text = options((folder.path / "short.jsonl").string());
  const std::string error = error_of(short_text, ErrorKind::input);
  EXPECT_NE(error.find("short.jsonl"), std::string::npos) << error;

  distill(options("sample"), false, true, "");
  EXPECT_THROW(distill(options("sample"), false, true, ""), Error);  // it exists
}

TEST_F(Distill, CachedTeacherStatesAreTheTeachers) {
  const Model teacher = load_model(folder.path / "teacher");
  TokenBlock block{.length = 8, .ids = {}};
  for (int32_t i = 0; i < 8 * 20; ++i) block.ids.push_back(i * 7 % 30);
  const TeacherRows::Limits limits{.block_rows = 6, .cache_bytes = 1 << 20};
  TeacherRows cached(teacher, block, 3, 100, limits),
      plain(teacher, block, 3, 100, {.block_rows = 6, .cache_bytes = 0});
  TeacherRows once(teacher, block, 3, 20, limits);
  EXPECT_TRUE(cached.caches());
  EXPECT_FALSE(plain.caches());
  EXPECT_FALSE(once.caches());
  for (const int64_t first : {0, 17, 55}) {
    const TeacherBatch a = cached.batch(first, 5), b = plain.batch(first, 5);
    EXPECT_TRUE(at::equal(a.ids, b.ids));
    EXPECT_TRUE(at::allclose(a.hidden, b.hidden, 1e-2, 1e-3));
  }
  // An epoch sees every row once.
  std::vector<bool> seen(20, false);
  const at::Tensor first_tokens = plain.batch(20, 20).ids.select(1, 0);
  const at::Tensor all = at::from_blob(block.ids.data(), {20, 8}, at::kInt).select(1, 0).to(at::kLong);
  EXPECT_TRUE(at::equal(std::get<0>(first_tokens.sort()), std::get<0>(all.sort())));
}

TEST_F(Distill, SampledRowsDoNotDependOnTheWayThere) {
  const Model teacher = load_model(folder.path / "teacher");
  const TeacherRows::Limits limits{.block_rows = 4, .cache_bytes = 1 << 20};
  TeacherRows a(teacher, 10, 5, 0, 40, limits), b(teacher, 10, 5, 0, 40, limits);
  for (int64_t first = 0; first < 12; first += 2) a.batch(first, 2);
  const TeacherBatch x = a.batch(12, 2), y = b.batch(12, 2);  // b resumes there
  EXPECT_TRUE(at::equal(x.ids, y.ids));
  EXPECT_TRUE(at::equal(x.hidden, y.hidden));
  EXPECT_TRUE(at::allclose(x.hidden, teacher.hidden(x.ids), 2e-2, 1e-2));
  EXPECT_FALSE(at::equal(x.ids, b.batch(14, 2).ids));
}

}  // namespace
}  // namespace zebra
