#include "train/layer_loss.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "train/test_models.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::teacher_config;

at::Tensor some_ids() {
  return at::arange(2 * 12).mul(7).remainder(30).view({2, 12});
}

Model random_model(const ModelConfig& config, uint64_t seed) {
  Model model(config, at::kDouble);
  initialise_random(model, seed, 0.2);
  return model;
}

// The same layers in the same model have the same outputs, whatever their kind.
TEST(LayerLoss, IsZeroForTheTeacherItself) {
  const Model teacher = random_model(student_config(), 1);
  for (const char* match : {"mixer", "block", "both", "matrix"}) {
    for (const char* distance : {"relative", "norm", "cosine"}) {
      for (const double error : layer_errors(teacher, teacher, some_ids(), {distance, match})) {
        EXPECT_NEAR(error, 0, 1e-12) << distance << " " << match;
      }
    }
  }
}

TEST(LayerLoss, DistancesByHand) {
  const at::Tensor s = at::tensor({3.0, 0.0, 0.0, 2.0}).view({1, 2, 2}),
                   t = at::tensor({0.0, 4.0, 0.0, 1.0}).view({1, 2, 2});
  EXPECT_NEAR(layer_distance(s, t, "relative").item<double>(), 26.0 / 17.0, 1e-12);
  EXPECT_NEAR(layer_distance(s, t, "norm").item<double>(), (5.0 + 1.0) / 2, 1e-12);
  EXPECT_NEAR(layer_distance(s, t, "cosine").item<double>(), 0.5, 1e-12);  // one at right angles, one parallel
}

// A layer sees the teacher's stream: what stands before it in the student does not matter.
TEST(LayerLoss, LayersAreIndependent) {
  const Model teacher = random_model(teacher_config(), 1);
  Model student = random_model(student_config(), 2);
  const auto before = layer_errors(student, teacher, some_ids(), {});
  student.blocks()[0].parameters("", [](const std::string&, at::Tensor& value) { value = value * 1.5; });
  const auto after = layer_errors(student, teacher, some_ids(), {});
  EXPECT_NE(before[0], after[0]);
  EXPECT_EQ(before[1], after[1]);
}

TEST(LayerLoss, TermsAreTheMeanOfTheErrorsAndReachOnlyTheirLayer) {
  const Model teacher = random_model(teacher_config(), 1);
  Model student = random_model(student_config(), 2);
  student.require_grad(true);
  const auto errors = layer_errors(student, teacher, some_ids(), {});
  std::vector<double> terms;
  const auto add = [&](const at::Tensor& term) {
    term.backward();
    terms.push_back(term.item<double>());
    int64_t layer = 0;
    for (Block& block : student.blocks()) {
      block.parameters("", [&](const std::string& name, at::Tensor& value) {
        const bool mixer = name.find(".mla.") != std::string::npos || name.find(".mamba.") != std::string::npos;
        const bool reached = layer < static_cast<int64_t>(terms.size()) && (mixer || name == ".input_layernorm.weight");
        EXPECT_EQ(value.grad().defined(), reached) << layer << name;
      });
      ++layer;
    }
  };
  layer_losses({{student, add}}, teacher, some_ids(), {});
  ASSERT_EQ(terms.size(), 2u);
  EXPECT_NEAR(terms[0], errors[0] / 2, 1e-12);
  EXPECT_NEAR(terms[1], errors[1] / 2, 1e-12);
}

// Both matrices written out; of a layer's parameters only those that say how tokens mix learn from it.
TEST(LayerLoss, MatrixIsTheDistanceOfHowTokensMix) {
  const Model teacher = random_model(teacher_config(), 1);
  Model student = random_model(student_config(), 2);
  student.require_grad(true);
  const at::Tensor x = teacher.embed(some_ids());
  const auto matrix = [&](const Model& model) {
    const Block& block = model.blocks()[0];
    return block.mixer->mixing(block.input_layernorm(x)).detach();
  };
  const at::Tensor own = matrix(student), target = matrix(teacher);
  ASSERT_EQ(own.sizes(), target.sizes());
  const double by_hand = ((own - target).square().sum() / target.square().sum()).item<double>();
  bool first = true;
  const auto add = [&](const at::Tensor& term) {
    if (first) {
      EXPECT_NEAR(term.item<double>(), by_hand / 2, 1e-12);
    }
    first = false;
    term.backward();
  };
  layer_losses({{student, add}}, teacher, some_ids(), {.match = "matrix"});
  for (Block& block : student.blocks()) {
    block.parameters("", [&](const std::string& name, at::Tensor& value) {
      if (name.ends_with("out_proj.weight") || name.ends_with("mamba.norm.weight")) {
        EXPECT_FALSE(value.grad().defined()) << name;
      }
      for (const char* mixes : {"q_proj.weight", "kv_b_proj.weight", "in_proj.weight", "A_log", "dt_bias"}) {
        if (name.ends_with(mixes)) {
          EXPECT_GT(value.grad().abs().max().item<double>(), 0) << name;
        }
      }
    });
  }
}

TEST(LayerLoss, LayersLeftAsAttentionHaveNothingToLearn) {
  const Model teacher = random_model(teacher_config(), 1);
  ModelConfig config = student_config();
  config.mixers[0] = teacher_config().mixers[0];
  const Model student = random_model(config, 2);
  int terms = 0;
  layer_losses({{student, [&](const at::Tensor&) { ++terms; }}}, teacher, some_ids(), {});
  EXPECT_EQ(terms, 1);
  EXPECT_EQ(layer_errors(student, teacher, some_ids(), {})[0], 0);
}

TEST(LayerLoss, RefusesWhatDoesNotFit) {
  ModelConfig deeper = teacher_config();
  deeper.mixers.push_back(deeper.mixers[0]);
  EXPECT_THROW(check_replaced_layers(deeper, student_config(), "s"), Error);
  EXPECT_THROW(check_replaced_layers(teacher_config(), teacher_config(), "s"), Error);
  EXPECT_NO_THROW(check_replaced_layers(teacher_config(), student_config(), "s"));
  EXPECT_THROW(check_same_layers(deeper, student_config(), "s"), Error);
  EXPECT_NO_THROW(check_same_layers(teacher_config(), teacher_config(), "s"));
  ModelConfig fewer = student_config();
  fewer.mixers[1].get<MlaConfig>().heads /= 2;
  EXPECT_THROW(check_same_heads(teacher_config(), fewer, "s"), Error);
  EXPECT_NO_THROW(check_same_heads(teacher_config(), student_config(), "s"));
  EXPECT_THROW((LayerLoss{.distance = "far"}.check()), Error);
  EXPECT_THROW((LayerLoss{.match = "nothing"}.check()), Error);
}

}  // namespace
}  // namespace zebra
