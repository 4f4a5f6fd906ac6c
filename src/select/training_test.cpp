#include <gtest/gtest.h>

#include "base/error.h"
#include "select/supernet.h"
#include "select/trained_scores.h"
#include "train/distill_fixture.h"

namespace zebra {
namespace {

using testing_support::write_model;
using Layers = std::vector<int64_t>;

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

  TrainedScoring scoring(int* calls) const {
    TrainedScoring out;
    out.distill = short_run();
    out.distill.student = "", out.distill.out = "";
    out.mamba2 = path("mamba2"), out.mla = {path("mla")}, out.run = folder.path / "select.run";
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

TEST_F(SelectTraining, SupernetTrainsMixersOnlyAndLowersTheLoss) {
  Model mamba2 = load_model(path("mamba2")), mla = load_model(path("mla"));
  Model teacher = load_model(path("teacher"));
  teacher.require_grad(false);
  DistillOptions run = short_run();
  run.train.tokens = 128 * 60, run.layer_weight = 0;
  prepare(run, teacher.config(), mamba2.config());
  const SupernetReport report = train_supernet(mamba2, mla, teacher, 1, run);
  EXPECT_EQ(report.steps, 60);
  EXPECT_LT(report.last_loss, report.first_loss);
  int64_t changed = 0;
  for (auto* model : {&mamba2, &mla}) {
    Model before = load_model(path(model == &mla ? "mla" : "mamba2"));
    std::map<std::string, at::Tensor> old;
    before.parameters([&](const std::string& name, at::Tensor& value) { old[name] = value; });
    model->parameters([&](const std::string& name, at::Tensor& value) {
      EXPECT_FALSE(value.requires_grad()) << name;
      const bool mixer = name.find(".mamba.") != std::string::npos || name.find(".mla.") != std::string::npos;
      const bool same = at::equal(value, old.at(name));
      EXPECT_TRUE(mixer || same) << name;
      changed += same ? 0 : 1;
    });
    for (const auto& block : model->blocks()) EXPECT_EQ(block.mixer_key, model == &mla ? "mla" : "mamba");
  }
  EXPECT_GT(changed, 12);  // of both kinds, in both layers
}

// Documents stay apart in both models, recomputing changes nothing, and what a supernet has not is refused by name.
TEST_F(SelectTraining, SupernetTakesOrRefusesTheSettingsOfDistill) {
  Model teacher = load_model(path("teacher"));
  teacher.require_grad(false);
  const auto first_loss = [&](bool apart, bool checkpointing) {
    Model mamba2 = load_model(path("mamba2")), mla = load_model(path("mla"));
    DistillOptions run = short_run();
    run.layer_weight = 0, run.documents_apart = apart, run.train.checkpointing = checkpointing;
    prepare(run, teacher.config(), mamba2.config());
    const double loss = train_supernet(mamba2, mla, teacher, 1, run).first_loss;
    if (!apart) return loss;
    // Without the spans of the student the loss is another one.
    Model student = load_model(path("mamba2")), donor = load_model(path("mla"));
    const auto layer = static_cast<size_t>(supernet_layers(static_cast<uint64_t>(run.train.seed), 0, 2, 1).front());
    std::swap(student.blocks()[layer], donor.blocks()[layer]);
    const int64_t rows = run.train.rows_per_step();
    const TeacherBatch batch = distillation_rows(run, teacher).batch(0, rows);
    EXPECT_NEAR(loss,
                token_loss(run.token, student, teacher,
                           {.ids = batch.ids,
                            .student = student.hidden(batch.ids, batch.span),
                            .teacher = batch.hidden,
                            .first = 0,
                            .span = batch.span},
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
  for (int64_t step = 0; step < 2000; ++step) {
    const Layers layers = supernet_layers(3, step, 5, 2);
    ASSERT_EQ(layers.size(), 2u);
    ASSERT_LT(layers[0], layers[1]);
    for (const int64_t layer : layers) ++seen[static_cast<size_t>(layer)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 800, 80);
  EXPECT_EQ(supernet_layers(3, 7, 5, 2), supernet_layers(3, 7, 5, 2));
  EXPECT_EQ(supernet_layers(3, 7, 5, 5), (Layers{0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace zebra
