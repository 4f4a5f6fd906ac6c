#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/sealed_json.h"
#include "select/supernet.h"
#include "select/trained_scores.h"
#include "train/distill_fixture.h"
#include "train/distill_rows.h"
#include "train/run_checks.h"

namespace zebra {
namespace {

using testing_support::write_model;
using Placement = std::vector<size_t>;

// The fixture's teacher of two layers, and students with one kind of mixer.
class SelectTraining : public testing_support::DistillFolders {
 protected:
  void SetUp() override {
    DistillFolders::SetUp();
    for (const int kind : {0, 1}) {
      ModelConfig config = testing_support::student_config();
      config.mixers.assign(2, config.mixers[static_cast<size_t>(kind)]);
      write_model(folder.path / (kind ? "mla" : "mamba2"), config, 2);
    }
  }
  std::string path(const char* name) const { return (folder.path / name).string(); }

  DistillOptions short_run() const {
    DistillOptions run = options(text());
    run.student = path("mamba2");
    run.train.tokens = 128 * 4;
    return run;
  }

  std::vector<Model> pair() const {
    std::vector<Model> students;
    students.push_back(load_model(path("mamba2"))), students.push_back(load_model(path("mla")));
    return students;
  }
  DistillOptions supernet_run(int64_t steps) const {
    DistillOptions run = short_run();
    run.train.tokens = 128 * steps, run.layer_weight = 0;
    return run;
  }
  // Prepares `run`, too.
  TrainReport train(std::vector<Model>& students, const SupernetDraw& draw, DistillOptions& run,
                    const std::string& name, bool resume = true) const {
    Model teacher = load_model(path("teacher"));
    teacher.require_grad(false);
    prepare(run, teacher.config(), students.front().config());
    return train_supernet(students, teacher, draw, run, folder.path / name, resume);
  }

  TrainedScoring scoring(int* calls) const {
    TrainedScoring out;
    out.distill = short_run();
    out.distill.student = "", out.distill.out = "";
    out.rest = path("mamba2"), out.mla = {path("mla")}, out.run = folder.path / "select.run";
    out.kl = [calls](const Model& model) {
      ++*calls;
      const c10::InferenceMode inference;
      return model.logits(model.hidden(at::arange(24).remainder(30).view({2, 12}))).square().mean().item<double>();
    };
    return out;
  }
};

TEST_F(SelectTraining, ScoresAreOfDistilledHybrids) {
  int calls = 0;
  const auto found = trained_scores(scoring(&calls));
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].scores.size(), 2u);
  EXPECT_EQ(calls, 3);

  Model hybrid = combine(load_model(path("mamba2")), load_model(path("mla")), {1});
  fs::create_directories(folder.path / "hybrid");
  save_model(folder.path / "hybrid", hybrid);
  testing_support::write_tokenizer(folder.path / "hybrid");
  DistillOptions run = short_run();
  run.student = path("hybrid"), run.out = path("trained");
  distill(run, false, false, "");
  EXPECT_EQ(found[0].base - scoring(&calls).kl(load_model(path("trained"))), found[0].scores[1]);
}

TEST_F(SelectTraining, StoppedScoringGoesOn) {
  int calls = 0;
  const auto straight = trained_scores(scoring(&calls));
  fs::remove_all(folder.path / "select.run");
  TrainedScoring stops = scoring(&calls);
  stops.progress = [](int64_t done, int64_t) {
    if (done == 2) throw std::runtime_error("stop");
  };
  EXPECT_THROW(trained_scores(stops), std::runtime_error);
  calls = 0;
  const auto resumed = trained_scores(scoring(&calls));
  EXPECT_EQ(calls, 1);  // the other two stood in scores.json
  EXPECT_EQ(resumed[0].scores, straight[0].scores);

  TrainedScoring other = scoring(&calls);
  other.distill.train.seed = 9;
  EXPECT_THROW(trained_scores(other), Error);
  other.resume = false;
  EXPECT_NE(trained_scores(other)[0].scores, straight[0].scores);
}

// scores.json is of one teacher, whole, and of a format that is known; one from before its checksum still counts.
TEST_F(SelectTraining, ScoresThatAreKeptAreChecked) {
  int calls = 0;
  const auto straight = trained_scores(scoring(&calls));
  const fs::path file = folder.path / "select.run" / "scores.json";
  const std::string kept = read_file(file);
  const auto refused = [&](ErrorKind kind, const std::string& says) {
    try {
      trained_scores(scoring(&calls));
      FAIL() << "expected an error with: " << says;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  const auto weights = path("teacher") + "/model.safetensors";
  const std::string teacher = read_file(weights);
  write_model(folder.path / "teacher", testing_support::teacher_config(), 9);
  refused(ErrorKind::usage, "scores.json: checksums differs");
  write_file(weights, teacher);
  std::string changed = kept;
  changed[kept.find("\"none\"") + 10] ^= 1;  // a digit of a score
  write_file(file, changed);
  refused(ErrorKind::input, "scores.json: checksum: expected");
  write_file(file, kept);
  const Json whole = read_sealed_json(file).value;
  Json json = whole;
  json["format"] = 3;
  write_sealed_json(file, json);
  refused(ErrorKind::input, "expected at most 2, found 3");
  json = whole, json["kl"]["none"] = "low";
  write_sealed_json(file, json);
  refused(ErrorKind::input, "key \"none\": expected a number");
  json["kl"] = Json::array();
  write_sealed_json(file, json);
  refused(ErrorKind::input, "key \"kl\": expected object");

  json = whole;
  for (const char* key : {"format", "configs"}) json.erase(key);
  json["checksums"].erase(json["checksums"].size() - 1);
  write_json(file, json);
  calls = 0;
  EXPECT_EQ(trained_scores(scoring(&calls))[0].scores, straight[0].scores);
  EXPECT_EQ(calls, 0);
}

TEST_F(SelectTraining, SupernetTrainsMixersOnlyAndLowersTheLoss) {
  std::vector<Model> students = pair();
  DistillOptions run = supernet_run(60);
  const TrainReport report = train(students, {.count = 1}, run, "supernet");
  EXPECT_EQ(report.steps, 60);
  EXPECT_LT(report.last_loss, report.first_loss);
  int64_t changed = 0;
  for (const size_t kind : {0u, 1u}) {
    Model before = load_model(path(kind ? "mla" : "mamba2"));
    std::map<std::string, at::Tensor> old;
    before.parameters([&](const std::string& name, at::Tensor& value) { old[name] = value; });
    students[kind].parameters([&](const std::string& name, at::Tensor& value) {
      EXPECT_FALSE(value.requires_grad()) << name;
      const bool mixer = name.find(".mamba.") != std::string::npos || name.find(".mla.") != std::string::npos;
      const bool same = at::equal(value, old.at(name));
      EXPECT_TRUE(mixer || same) << name;
      changed += same ? 0 : 1;
    });
    for (const auto& block : students[kind].blocks()) EXPECT_EQ(block.mixer_key, kind ? "mla" : "mamba");
  }
  EXPECT_GT(changed, 12);  // of both kinds, in both layers
}

// A run that goes on from its last checkpoint ends with the same bits, and one of other settings is refused.
TEST_F(SelectTraining, StoppedSupernetGoesOn) {
  std::vector<Model> straight = pair(), resumed = pair();
  DistillOptions run = supernet_run(12);
  run.train.save_every = 4;
  train(straight, {.count = 1}, run, "straight");
  train(resumed, {.count = 1}, run, "stopped");
  const fs::path checkpoints = folder.path / "stopped" / "checkpoints";
  fs::remove_all(checkpoints / "step-0000000012");  // as if it had been killed before the last
  ASSERT_TRUE(fs::exists(checkpoints / "step-0000000008"));
  resumed = pair();
  train(resumed, {.count = 1}, run, "stopped");
  for (const size_t kind : {0u, 1u}) EXPECT_EQ(checksum(resumed[kind]), checksum(straight[kind]));

  std::vector<Model> other = pair();
  EXPECT_THROW(train(other, {.count = 2}, run, "stopped"), Error);
  write_model(folder.path / "teacher", testing_support::teacher_config(), 9);
  EXPECT_THROW(train(other, {.count = 1}, run, "stopped"), Error);
  EXPECT_NO_THROW(train(other, {.count = 2}, run, "stopped", /*resume=*/false));
}

// Documents stay apart in both models, recomputing changes nothing, and what a supernet has not is refused by name.
TEST_F(SelectTraining, SupernetTakesOrRefusesTheSettingsOfDistill) {
  Model teacher = load_model(path("teacher"));
  teacher.require_grad(false);
  const auto first_loss = [&](bool apart, bool checkpointing) {
    std::vector<Model> students = pair();
    DistillOptions run = supernet_run(4);
    run.documents_apart = apart, run.train.checkpointing = checkpointing;
    const double loss = train(students, {.count = 1}, run, cat("run-", apart, checkpointing)).first_loss;
    if (!apart) return loss;
    // Without the documents of the student the loss is another one.
    students = pair();
    const auto placement = supernet_placement({.count = 1}, static_cast<uint64_t>(run.train.seed), 0, 2, 2);
    const auto layer = static_cast<size_t>(std::find(placement.begin(), placement.end(), 1u) - placement.begin());
    Model& student = students.front();
    std::swap(student.blocks()[layer], students[1].blocks()[layer]);
    const int64_t rows = run.train.rows_per_step();
    run.held_out = 0;  // as the supernet has it
    const TeacherBatch batch = distillation_rows(run, teacher).train.batch(0, rows);
    EXPECT_NEAR(loss,
                token_loss(run.token, student, teacher,
                           {.ids = batch.ids,
                            .student = student.hidden(batch.ids, batch.rows),
                            .teacher = batch.hidden,
                            .first = 0,
                            .rows = batch.rows},
                           run.train.seed)
                    .item<double>(),
                1e-5 * loss);
    return loss;
  };
  EXPECT_NE(first_loss(true, false), first_loss(false, false));
  EXPECT_EQ(first_loss(true, true), first_loss(true, false));

  const auto refused = [](const std::string& name, const auto& change) {
    DistillOptions options;
    change(options);
    try {
      check_supernet(options);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(std::string(error.what()).find(name + ":"), 0u) << error.what();
    }
  };
  refused("loss", [](auto& o) { o.loss = "layers"; });
  refused("layer_weight", [](auto& o) { o.layer_weight = 1; });
  refused("lengths", [](auto& o) { o.lengths = {"8:1"}; });
  refused("on_policy", [](auto& o) { o.on_policy = 0.5; });
  refused("teacher_cache", [](auto& o) { o.teacher_cache = "x"; });
  refused("freeze", [](auto& o) { o.freeze = {"*"}; });
}

TEST(Supernet, SubsetsAreUniform) {
  std::vector<int> seen(5, 0);
  const SupernetDraw two{.count = 2}, all{.count = 5};
  for (int64_t step = 0; step < 2000; ++step) {
    const Placement placement = supernet_placement(two, 3, step, 5, 2);
    ASSERT_EQ(std::count(placement.begin(), placement.end(), 1u), 2);
    for (size_t layer = 0; layer < 5; ++layer) seen[layer] += static_cast<int>(placement[layer]);
  }
  for (const int count : seen) EXPECT_NEAR(count, 800, 80);
  EXPECT_EQ(supernet_placement(two, 3, 7, 5, 2), supernet_placement(two, 3, 7, 5, 2));
  EXPECT_EQ(supernet_placement(all, 3, 7, 5, 2), Placement(5, 1));
}

// Every student is drawn in every layer, equally often in all of them, and never more than the budget pays for.
TEST(Supernet, PlacementsKeepToTheBudget) {
  const SupernetDraw draw{.costs = {{2, 2, 2, 2}, {6, 6, 6, 6}}, .budget = 9};
  std::vector<std::vector<int>> seen(4, std::vector<int>(3, 0));
  int64_t spent = 0;
  for (int64_t step = 0; step < 4000; ++step) {
    const Placement placement = supernet_placement(draw, 5, step, 4, 3);
    int64_t cost = 0;
    for (size_t layer = 0; layer < 4; ++layer) {
      ++seen[layer][placement[layer]];
      if (placement[layer] > 0) cost += draw.costs[placement[layer] - 1][layer];
    }
    ASSERT_LE(cost, draw.budget);
    spent += cost;
  }
  EXPECT_GT(spent, 4000 * draw.budget / 2);
  for (size_t student = 0; student < 3; ++student) {
    for (size_t layer = 0; layer < 4; ++layer) {
      EXPECT_GT(seen[layer][student], 400);
      EXPECT_NEAR(seen[layer][student], seen[0][student], 200);
    }
  }
}

}  // namespace
}  // namespace zebra
