#include "train/cost.h"

#include <gtest/gtest.h>

#include "train/test_models.h"

namespace zebra {
namespace {

using testing_support::student_config;
using testing_support::teacher_config;

// hidden 16, MLP 24, vocabulary 30, 4 heads of 4, 2 kv heads.
constexpr double kMlp = 3 * 16 * 24, kHead = 30 * 16, kAttention = 16 * 16 * 2 + 16 * 8 * 2;
constexpr double kMla = 16 * 4 * 6 + 16 * (8 + 2) + 8 * 2 * (4 + 4) + 16 * 16;
constexpr double kMamba2 = 16 * (2 * 16 + 2 * 8 + 4) + 16 * 16;

TEST(Cost, ForwardCountsEveryMatrixTwiceAndTheMixer) {
  const double seen = (7 + 1) / 2.0;
  EXPECT_DOUBLE_EQ(forward_flops(teacher_config(), 7), 2 * (kHead + 2 * (kMlp + kAttention)) + 2 * 4.0 * 16 * seen);
  const double mla = 2 * (kMlp + kMla) + 2.0 * 4 * (4 + 2 + 4) * seen;
  const double mamba2 = 2 * (kMlp + kMamba2) + 6.0 * 16 * 4 + 2.0 * 4 * (16 + 2 * 8);
  EXPECT_DOUBLE_EQ(forward_flops(student_config(), 7, false), mla + mamba2);
}

TEST(Cost, SlidingWindowBoundsTheScores) {
  ModelConfig config = teacher_config();
  const double all = forward_flops(config, 63);
  for (auto& mixer : config.mixers) mixer.get<AttentionConfig>().sliding_window = 8;
  EXPECT_DOUBLE_EQ(all - forward_flops(config, 63), 2 * 4.0 * 16 * (32 - 8));
}

DistillOptions prepared(const std::string& data, const std::string& loss = "kl") {
  DistillOptions options;
  options.data = {data}, options.loss = loss;
  options.teacher = options.student = options.out = std::string("folder");
  options.train.tokens = 1024, options.train.length = 32, options.train.batch_tokens = 128;
  prepare(options, teacher_config(), student_config());
  return options;
}

TEST(Cost, TrainingIsThreeForwardsOfTheStudentAndTheTeachers) {
  const auto student = student_config(), teacher = teacher_config();
  const double s = forward_flops(student, 32), t = forward_flops(teacher, 32);
  EXPECT_DOUBLE_EQ(training_flops(prepared("a.jsonl"), teacher, student), 3 * s + t);
  EXPECT_DOUBLE_EQ(training_flops(prepared("sample"), teacher, student), 3 * s + 2 * t);
  EXPECT_DOUBLE_EQ(training_flops(prepared("a.jsonl", "layers"), teacher, student),
                   3 * forward_flops(student, 32, false) + forward_flops(teacher, 32, false));
}

TEST(Cost, MemoryIsThatOfTheOptimizerAndOnePass) {
  const auto student = student_config(), teacher = teacher_config();
  const double p = static_cast<double>(parameter_count(student)), t = static_cast<double>(parameter_count(teacher));
  Model model(student);
  EXPECT_EQ(parameter_count(student), model.parameter_count());
  auto options = prepared("sample");
  options.train.optimizer = "adamw";
  auto memory = training_memory(options, teacher, student);
  EXPECT_DOUBLE_EQ(memory.total(), 16 * p + 160.0 * 2 * 16 * static_cast<double>(options.train.micro_tokens) + 4 * t);
  options.train.optimizer = "soap";
  EXPECT_GT(training_memory(options, teacher, student).moments, memory.moments);
  double squares = 0;
  for (const auto& [name, value] : Optimizer([&](const ParameterVisitor& visit) { model.parameters(visit); },
                                             [](const std::string&) { return true; }, {.matrices = MatrixStep::soap})
                                       .bases()) {
    squares += 4 * static_cast<double>(value.numel());
  }
  double entries = 0;
  model.parameters([&](const Parameter& parameter, at::Tensor& value) {
    if (is_whole_matrix(parameter.role)) entries += static_cast<double>(value.numel());
  });
  EXPECT_DOUBLE_EQ(training_memory(options, teacher, student).moments - memory.moments, squares + 20 * entries);
  options.train.dtype = "bf16", options.data = {"a.jsonl"};
  memory = training_memory(options, teacher, student);
  EXPECT_DOUBLE_EQ(memory.weights + memory.gradients, 12 * p);
  EXPECT_DOUBLE_EQ(memory.teacher, 2 * t + 2.0 * 1024 * 16);
}

TEST(Cost, FrozenParametersOnlyCompute) {
  const auto student = student_config(), teacher = teacher_config();
  const double p = static_cast<double>(parameter_count(student)), frozen = 2 * kMlp;
  auto options = prepared("sample");
  options.train.optimizer = "adamw", options.freeze = {"*.mlp.*"};
  auto memory = training_memory(options, teacher, student);
  EXPECT_DOUBLE_EQ(memory.weights, 4 * p);
  EXPECT_DOUBLE_EQ(memory.gradients + memory.moments, 12 * (p - frozen));
  options.train.dtype = "bf16";
  memory = training_memory(options, teacher, student);
  EXPECT_DOUBLE_EQ(memory.weights, 6 * (p - frozen) + 2 * frozen);
  const auto soap = [&](const std::vector<std::string>& freeze) {
    options.train.optimizer = "soap", options.freeze = freeze;
    return training_memory(options, teacher, student).moments;
  };
  EXPECT_LT(soap({"*.mlp.*"}), soap({}) - 8 * frozen);  // no bases either
}

TEST(Cost, CheckpointingTradesMemoryForAForward) {
  const auto student = student_config(), teacher = teacher_config();
  auto options = prepared("sample");
  const auto tokens = static_cast<double>(options.train.micro_tokens);
  const double flops = training_flops(options, teacher, student);
  options.train.checkpointing = true;
  EXPECT_DOUBLE_EQ(training_memory(options, teacher, student).activations, (160 + 2 * 4) * 16 * tokens);
  EXPECT_DOUBLE_EQ(training_flops(options, teacher, student) - flops, forward_flops(student, 32, false));
  auto layers = prepared("sample", "layers");
  EXPECT_DOUBLE_EQ(training_memory(layers, teacher, student).activations, 160 * 16 * tokens);
}

TEST(Cost, AlignmentAddsWhatTheModelIsHeldTo) {
  const auto model = student_config(), teacher = teacher_config();
  AlignOptions options;
  options.method = "dpo", options.model = options.out = std::string("folder"), options.data = {"a.jsonl"};
  options.batch = 8, options.micro = 2, options.train.length = 32;
  const TrainSettings loop = prepare(options, model, nullptr, 20);
  EXPECT_EQ(loop.steps(), 3);  // 20 pairs, 8 a step
  const double s = forward_flops(model, 32), p = static_cast<double>(parameter_count(model));
  EXPECT_DOUBLE_EQ(training_flops(options, model, &model), 4 * s);
  EXPECT_DOUBLE_EQ(training_memory(options, model, &model).total(), 20 * p + 160.0 * 2 * 16 * 2 * 2 * 32);
  options.method = "sft";
  EXPECT_DOUBLE_EQ(training_flops(options, model, nullptr), 3 * s);
  EXPECT_DOUBLE_EQ(training_flops(options, model, &teacher), 3 * s + forward_flops(teacher, 32));
  EXPECT_DOUBLE_EQ(training_memory(options, model, nullptr).total(), 16 * p + 160.0 * 2 * 16 * 2 * 32);
}

TEST(Cost, AlignmentOfUnknownSizeIsAFullBatch) {
  AlignOptions options;
  options.method = "sft", options.model = options.out = std::string("folder"), options.data = {"not_there.jsonl"};
  const TrainSettings loop = prepare(options, student_config(), nullptr, 0);
  EXPECT_EQ(options.batch, 32);
  EXPECT_EQ(loop.steps(), 1);
}

}  // namespace
}  // namespace zebra
