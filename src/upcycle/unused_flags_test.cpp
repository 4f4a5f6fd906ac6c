// Flags of convert that would change nothing are refused by name, and those that do are not.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "upcycle/plan.h"
#include "upcycle/teacher_notes.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

std::string refusal(const ModelConfig& teacher, const ConvertSettings& settings) {
  try {
    refuse_unused_flags(settings, teacher, plan_student(teacher, student_options(settings)));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

ModelConfig teacher_of(const std::string& changes = "{}") {
  const ScratchFolder folder;
  write_teacher(folder.path, changes);
  return read_config(folder.path);
}

using Change = std::function<void(ConvertSettings&)>;

TEST(UnusedFlags, OfMlaWithoutMla) {
  const std::vector<std::pair<std::string, Change>> flags = {{"--kv-rank", [](auto& s) { s.kv_rank = 24; }},
                                                             {"--rope-dim", [](auto& s) { s.rope_dim = 4; }},
                                                             {"--nope-dim", [](auto& s) { s.nope_dim = 4; }},
                                                             {"--v-dim", [](auto& s) { s.v_dim = 8; }},
                                                             {"--q-rank", [](auto& s) { s.q_rank = std::string("8"); }},
                                                             {"--mla-init", [](auto& s) { s.mla_init = "plain"; }},
                                                             {"--split", [](auto& s) { s.split = "auto"; }},
                                                             {"--rank", [](auto& s) { s.rank = "energy"; }},
                                                             {"--full-kv-head", [](auto& s) { s.full_kv_head = true; }},
                                                             {"--lora-norm", [](auto& s) { s.lora_norm = true; }},
                                                             {"--refit mla", [](auto& s) { s.refit = "mla"; }}};
  const ModelConfig teacher = teacher_of();
  EXPECT_EQ(refusal(teacher, {}), "");
  for (const auto& [flag, change] : flags) {
    ConvertSettings settings;
    change(settings);
    EXPECT_EQ(refusal(teacher, settings).rfind(flag + ": no layer becomes MLA", 0), 0u) << refusal(teacher, settings);
    settings.rest = "attention", settings.mamba2_layers = "0,2";
    EXPECT_EQ(refusal(teacher, settings).rfind(flag + ": no layer becomes MLA", 0), 0u) << refusal(teacher, settings);
  }
}

TEST(UnusedFlags, OfMamba2WithoutMamba2) {
  ConvertSettings all;
  all.mla_layers = "all", all.kv_rank = 8, all.rope_dim = 4;
  const ModelConfig teacher = teacher_of();
  EXPECT_EQ(refusal(teacher, all), "");
  for (const auto& [flag, change] : std::vector<std::pair<std::string, Change>>{
           {"--mamba2-init", [](auto& s) { s.mamba2_init = "plain"; }},
           {"--repeat-kv-before-conv", [](auto& s) { s.repeat_kv_before_conv = true; }},
           {"--refit mamba2", [](auto& s) { s.refit = "mamba2"; }}}) {
    ConvertSettings settings = all;
    change(settings);
    EXPECT_EQ(refusal(teacher, settings).rfind(flag + ": no layer becomes Mamba2", 0), 0u);
    settings.mla_layers = std::string("1");
    EXPECT_EQ(refusal(teacher, settings), "");
  }
}

TEST(UnusedFlags, BesideOthers) {
  const ModelConfig teacher = teacher_of();
  ConvertSettings plain;
  plain.mla_layers = std::string("1"), plain.kv_rank = 8, plain.rope_dim = 4;
  const auto expect = [&](const Change& change, const std::string& words) {
    ConvertSettings settings = plain;
    change(settings);
    const std::string found = refusal(teacher, settings);
    EXPECT_NE(found.find(words), std::string::npos) << words << " in: " << found;
    EXPECT_EQ(found.empty(), words.empty()) << found;
  };
  expect([](auto& s) { s.rank_energy = 0.5; }, "--rank-energy: belongs to --rank energy");
  expect([](auto& s) { s.rank_energy = 0.5, s.rank = "energy"; }, "");
  expect([](auto& s) { s.mamba2_layers = std::string("0"); }, "--mamba2-layers 0: layer 2 would become Mamba2 as well");
  expect([](auto& s) { s.mamba2_layers = "0,2"; }, "");
  expect([](auto& s) { s.mamba2_layers = std::string("0"), s.rest = "attention"; }, "");
  expect([](auto& s) { s.bos = false; }, "--bos: belongs to a --calibration FILE");
  expect([](auto& s) { s.bos = false, s.calibration = "text.txt"; }, "");
  expect([](auto& s) { s.refit = "none", s.refit_on = "student"; }, "--refit-on: no output projection is refitted");
  expect([](auto& s) { s.init = "reference", s.calibration_tokens = 4096; }, "--calibration-tokens: the reference");
  expect([](auto& s) { s.init = "reference", s.statistics = "file"; }, "--statistics: the reference");
}

TEST(TeacherNotes, SayWhatTheStudentDoesNotHave) {
  ConvertSettings settings;
  settings.mla_layers = std::string("1"), settings.kv_rank = 8, settings.rope_dim = 4;
  const auto notes = [&](const std::string& changes, const ConvertSettings& s) {
    const ModelConfig teacher = teacher_of(changes);
    return teacher_notes(teacher, plan_student(teacher, student_options(s)));
  };
  EXPECT_TRUE(notes("{}", settings).empty());
  const std::string window = R"({"model_type": "mistral", "sliding_window": 16})";
  auto found = notes(window, settings);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].rfind("layers 0,2 become Mamba2", 0), 0u) << found[0];
  auto all = settings;
  all.mla_layers = "all";
  EXPECT_TRUE(notes(window, all).empty());
  const std::string dynamic = R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})";
  found = notes(dynamic, settings);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("dynamic scaling past 128 tokens"), std::string::npos) << found[0];
  EXPECT_TRUE(notes(dynamic, all).empty());
  all.init = "reference";
  found = notes(dynamic, all);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("YaRN of the same factor in place of the teacher's dynamic"), std::string::npos) << found[0];
  found = notes(R"({"logit_scale": 0.5})", settings);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].rfind("logit_scale in its config.json: not known", 0), 0u) << found[0];
}

}  // namespace
}  // namespace zebra
