// What the flags of convert mean, and which are refused.
#include "upcycle/plan.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

class Plan : public ::testing::Test {
 protected:
  Plan() { write_teacher(scratch_.path); }
  ModelConfig plan(const ConvertSettings& settings) {
    return plan_student(teacher_ ? *teacher_ : read_config(scratch_.path), student_options(settings));
  }
  void expect_refused(const ConvertSettings& settings, const std::string& words) {
    try {
      plan(settings);
      FAIL() << "expected an error with: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
      EXPECT_EQ(error.kind(), ErrorKind::usage);
    }
  }
  static ConvertSettings settings() {
    ConvertSettings settings;
    settings.mla_layers = "1";
    settings.kv_rank = 8, settings.rope_dim = 4;
    return settings;
  }
  ScratchFolder scratch_;
  std::optional<ModelConfig> teacher_;  // in place of that in the folder
};

TEST_F(Plan, RefinedDefaults) {
  const auto student = plan(settings());
  EXPECT_EQ(student.format, Format::zebra_llama);
  EXPECT_TRUE(student.mixers[0].is<Mamba2Config>());
  const auto& mla = student.mixers[1].get<MlaConfig>();
  EXPECT_EQ(mla.q_rank, 0);
  EXPECT_EQ(mla.nope_dim, 8);
  EXPECT_EQ(mla.v_dim, 8);
  EXPECT_EQ(mla.kv_heads, 2);
  EXPECT_EQ(mla.rope.layout, RopeConfig::Layout::half);
}

TEST_F(Plan, ReferenceDefaults) {
  auto flags = settings();
  flags.init = "reference";
  const auto& mla = plan(flags).mixers[1].get<MlaConfig>();
  EXPECT_EQ(mla.q_rank, 24);  // 1344 / 2048 of 32, in steps of 8
  EXPECT_EQ(mla.nope_dim, 4);
  EXPECT_EQ(mla.rope.layout, RopeConfig::Layout::interleaved);
  flags.rest = "attention";
  const auto eco = plan(flags);
  EXPECT_EQ(eco.format, Format::x_ecomla);
  EXPECT_TRUE(eco.mixers[0].is<AttentionConfig>());
  EXPECT_EQ(eco.mixers[1].get<MlaConfig>().kv_heads, 4);
}

TEST_F(Plan, ReferenceRopeFollowsTheParentsScaling) {
  ScratchFolder scaled;
  write_teacher(scaled.path, R"({"rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64}})");
  auto flags = settings();
  flags.init = "reference";
  const auto student = plan_student(read_config(scaled.path), student_options(flags));
  const auto& rope = student.mixers[1].get<MlaConfig>().rope;
  EXPECT_EQ(rope.type, RopeConfig::Type::yarn);
  EXPECT_EQ(rope.factor, 32);
  EXPECT_EQ(rope.original_max_position, 64);
}

TEST_F(Plan, NamesWhatCannotBe) {
  auto flags = settings();
  flags.rope_dim = 3;
  expect_refused(flags, "--rope-dim");
  flags.rope_dim = 10;
  expect_refused(flags, "head_dim 8");
  flags = settings(), flags.kv_rank = 33;
  expect_refused(flags, "--kv-rank 33");
  flags = settings(), flags.kv_rank = 0;
  expect_refused(flags, "--kv-rank");
  flags = settings(), flags.mla_layers = "1,3";
  expect_refused(flags, "0 to 2");
  flags = settings(), flags.mla_layers = "one";
  expect_refused(flags, "--mla-layers");
  flags = settings(), flags.q_rank = "some";
  expect_refused(flags, "--q-rank");
  flags = settings(), flags.nope_dim = 7;
  expect_refused(flags, "--nope-dim 7");
  flags = settings(), flags.v_dim = 4;
  expect_refused(flags, "--v-dim 4");
  flags = settings(), flags.rest = "mamba";
  expect_refused(flags, "--rest");
  flags = settings(), flags.init = "random";
  expect_refused(flags, "--init");
  flags = settings(), flags.lora_norm = true;
  expect_refused(flags, "--init reference");
  flags = settings(), flags.init = "reference", flags.q_rank = "exact";
  expect_refused(flags, "--q-rank exact");
  flags = settings(), flags.init = "reference", flags.kv_rank = 12;
  expect_refused(flags, "multiples of 8");
  flags = settings(), flags.mla_layers = "none", flags.rest = "attention";
  expect_refused(flags, "nothing would change");
}

TEST_F(Plan, IdeasStandForPresets) {
  EXPECT_EQ(parse_mla_ideas(join(refined_mla_names(false), ","), ""), parse_mla_ideas("refined", ""));
  EXPECT_EQ(parse_mamba2_ideas(join(refined_mamba2_names(), ","), ""), parse_mamba2_ideas("refined", ""));
  auto flags = settings();
  flags.mla_init = "whiten";
  EXPECT_EQ(plan(flags).mixers[1].get<MlaConfig>().nope_dim, 4);  // without residual
  flags.mla_init = "reference";
  const auto mixed = student_options(flags);
  EXPECT_TRUE(mixed.mla.reference && !mixed.mamba2.reference && !mixed.refit.mla && mixed.refit.mamba2);
}

TEST_F(Plan, StudentsOfOneKindAreRefittedOnlyWhereAskedFor) {
  const auto refits = [&](const char* mla_layers, const char* refit) {
    auto flags = settings();
    flags.mla_layers = mla_layers, flags.refit = refit;
    const StudentOptions options = student_options(flags);
    const RefitPlan found = refit_of(options.refit, plan_student(read_config(scratch_.path), options));
    return std::pair(found.mla, found.mamba2);
  };
  EXPECT_EQ(refits("1", ""), std::pair(true, true));
  EXPECT_EQ(refits("all", ""), std::pair(false, false));
  EXPECT_EQ(refits("none", ""), std::pair(false, false));
  EXPECT_EQ(refits("all", "all"), std::pair(true, true));
  EXPECT_EQ(refits("1", "mamba2"), std::pair(false, true));
}

TEST_F(Plan, FrequenciesAreSearchedBesideMamba2) {
  const auto searched = [&](const std::string& mla_layers, const std::string& init,
                            const std::string& rest = "mamba2") {
    auto flags = settings();
    flags.mla_layers = mla_layers, flags.mla_init = init, flags.rest = rest;
    const StudentOptions options = student_options(flags);
    const MlaIdeas found = mla_ideas_of(options, plan_student(read_config(scratch_.path), options));
    EXPECT_NE(found.frequencies, found.spread);
    return found.frequencies;
  };
  EXPECT_TRUE(searched("1", ""));
  EXPECT_TRUE(searched("1", "refined"));
  EXPECT_FALSE(searched("all", ""));
  EXPECT_FALSE(searched("1", "", "attention"));
  EXPECT_FALSE(searched("1", "spread"));
  EXPECT_TRUE(searched("all", "frequencies"));
}

TEST_F(Plan, NamesIdeasThatDoNotGoTogether) {
  const auto refused = [&](std::string ConvertSettings::*init, const std::string& ideas, const std::string& words) {
    auto flags = settings();
    flags.*init = ideas;
    expect_refused(flags, words);
  };
  refused(&ConvertSettings::mla_init, "whitten", "did you mean whiten");
  refused(&ConvertSettings::mla_init, "two-sided", "two-sided needs whiten");
  refused(&ConvertSettings::mla_init, "freqfold", "freqfold needs rorope or complex");
  refused(&ConvertSettings::mla_init, "rorope,complex", "rorope and complex");
  refused(&ConvertSettings::mla_init, "phase,rotation", "phase and rotation");
  refused(&ConvertSettings::mamba2_init, "constant", "constant needs linear");
  refused(&ConvertSettings::mamba2_init, "linear,decay-search", "decay-search needs gate");
}

TEST_F(Plan, RotatedFrequenciesAreCountedAndTheTeachers) {
  auto flags = settings();  // rope_dim 4 of a head of 8
  flags.rope_pairs = "0,3";
  EXPECT_EQ(student_options(flags).rope_pairs, (std::vector<int64_t>{0, 3}));
  plan(flags);
  const auto refused = [&](const std::string& pairs, const std::string& words) {
    flags.rope_pairs = pairs;
    expect_refused(flags, words);
  };
  refused("0", "rope_dim / 2 = 2 frequencies, found 1");
  refused("3,0", "ascending");
  refused("0,x", "ascending");
  refused("0,4", "the teacher has 4 frequencies");
  flags.mla_layers = "none";
  refused("0,3", "no layer becomes MLA");
  flags.mla_layers = settings().mla_layers;
  flags.init = "reference";
  refused("0,3", "other than reference");
}

TEST_F(Plan, LayersSayWhatTheShortFlagsSay) {
  ConvertSettings layers = settings();
  layers.mla_layers = "none", layers.layers = "0:attention,1:mla,rest:mamba2";
  ConvertSettings flags = settings();
  flags.rest = "attention", flags.mamba2_layers = "2";
  EXPECT_EQ(plan(layers).mixers, plan(flags).mixers);
  layers.layers = "1:mla,rest:mamba2";
  EXPECT_EQ(plan(layers).mixers, plan(settings()).mixers);
  layers.layers = "1:mla";  // what is not named stays
  flags = settings(), flags.rest = "attention";
  EXPECT_EQ(plan(layers).mixers, plan(flags).mixers);
  layers.layers = "all:mla";
  flags = settings(), flags.mla_layers = "all";
  EXPECT_EQ(plan(layers).mixers, plan(flags).mixers);
  const auto refused = [&](const std::string& text, const std::string& words) {
    layers.layers = text;
    expect_refused(layers, words);
  };
  refused("1:mla,1:mamba2", "--layers: layer 1 is there twice");
  refused("0-1:mla,rest:mamba2,rest:mla", "\"rest\" is there twice");
  refused("1:gru", "expected kinds of mixers among attention, mla, mamba2, found \"gru\"");
  refused("1", "expected LAYERS:KIND,..");
  refused("7:mla", "--layers: expected layer numbers from 0 to 2");
  refused("rest:attention", "nothing would change");
  layers.layers = "1:mla", layers.mla_layers = "1";
  expect_refused(layers, "short forms of; give it alone");
}

TEST_F(Plan, SingleMamba2Layers) {
  auto flags = settings();
  flags.mla_layers = "none", flags.mamba2_layers = "2", flags.rest = "attention";
  const auto student = plan(flags);
  EXPECT_TRUE(student.mixers[1].is<AttentionConfig>());
  EXPECT_TRUE(student.mixers[2].is<Mamba2Config>());
  flags.mla_layers = "2";
  expect_refused(flags, "layer 2 is in --mla-layers too");
}

// Layer 2 is Mamba2 already; 0 and 1 are left.
TEST_F(Plan, HybridsKeepWhatTheyHave) {
  auto first = settings();
  first.mla_layers = "none", first.mamba2_layers = "2", first.rest = "attention";
  teacher_ = plan(first);
  auto flags = settings();
  auto student = plan(flags);
  EXPECT_TRUE(student.mixers[0].is<Mamba2Config>());
  EXPECT_TRUE(student.mixers[1].is<MlaConfig>());
  EXPECT_EQ(student.mixers[2], teacher_->mixers[2]);
  flags.mla_layers = "all", flags.kv_ranks = "0:4";
  student = plan(flags);
  EXPECT_EQ(student.mixers[0].get<MlaConfig>().kv_rank, 4);
  EXPECT_TRUE(student.mixers[1].is<MlaConfig>());
  EXPECT_EQ(student.mixers[2], teacher_->mixers[2]);
  flags = first, flags.mamba2_layers = "all";
  for (const auto& mixer : plan(flags).mixers) EXPECT_EQ(mixer, teacher_->mixers[2]);

  for (const char* layers : {"1,2", "1-2"}) {
    flags = settings(), flags.mla_layers = layers;
    expect_refused(flags, "--mla-layers: layer 2: expected attention, found mamba2");
  }
  expect_refused(first, "--mamba2-layers: layer 2: expected attention, found mamba2");
  flags = settings(), flags.kv_ranks = "1:8,2:8";
  expect_refused(flags, "--kv-ranks: layer 2: expected attention, found mamba2");
  flags = settings(), flags.rope_dims = "7:8";
  expect_refused(flags, "--rope-dims: layer 7 (width 8) is not one of --mla-layers");
  flags = settings(), flags.kv_ranks = "7:8";
  expect_refused(flags, "--kv-ranks: layer 7 (rank 8) is not one of --mla-layers");
  flags = settings(), flags.mla_layers = "none", flags.rest = "attention";
  expect_refused(flags, "nothing would change");
  teacher_ = plan(settings());
  expect_refused(settings(), "expected a layer of attention to convert, found 3 that are converted already");
}

// One value in the folder for all layers of a kind: new ones cannot differ from those that are there.
TEST_F(Plan, NewLayersFitBesideInheritedOnes) {
  auto first = settings();
  first.mla_layers = "2", first.mamba2_layers = "0", first.rest = "attention";
  teacher_ = plan(first);
  EXPECT_NO_THROW(plan(settings()));
  auto flags = settings();
  flags.kv_rank = 4, flags.rope_dim = 2, flags.nope_dim = 6, flags.q_rank = "24";  // each layer's own
  EXPECT_NO_THROW(plan(flags));
  flags = settings(), flags.mla_layers = "none", flags.repeat_kv_before_conv = true;
  expect_refused(
      flags,
      "--repeat-kv-before-conv: ssm_cfg.repeat_kv_before_conv: expected false as in layer 0, which is Mamba2 "
      "already (a folder holds one for all Mamba2 layers), found true for layer 1");
  flags = settings(), flags.mla_init = "reference";
  expect_refused(flags, "--mla-init: rope_layout: expected half as in layer 2");
  flags.lora_norm = true;
  expect_refused(flags, "--lora-norm: use_lora_layer_norm: expected false as in layer 2");
  flags.full_kv_head = true;
  expect_refused(flags, "--full-kv-head: num_key_value_heads: expected 2 as in layer 2");
  teacher_->mixers[0].get<Mamba2Config>().conv_width = 3;
  flags = settings(), flags.mla_layers = "none";
  expect_refused(flags, "ssm_cfg.d_conv: expected 3 as in layer 0");
  auto& rope = teacher_->mixers[2].get<MlaConfig>().rope;
  rope.type = RopeConfig::Type::yarn, rope.factor = 8;  // scales cos and sin
  expect_refused(settings(), "--mla-init: RoPE: expected rope_theta 10000 with factor 8");
}

TEST(ParseLayers, ListsRangesAndWords) {
  EXPECT_EQ(parse_layers("3,1", 5, "--x"), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(parse_layers("0-2,4", 5, "--x"), (std::vector<int64_t>{0, 1, 2, 4}));
  EXPECT_EQ(parse_layers("all", 2, "--x"), (std::vector<int64_t>{0, 1}));
  EXPECT_TRUE(parse_layers("none", 2, "--x").empty());
}

}  // namespace
}  // namespace zebra
