// Every idea of an initialisation, kept statistics, and ranks per layer.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "layers/rope.h"
#include "upcycle/convert.h"
#include "upcycle/mla_ranks.h"
#include "upcycle/mla_search.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

class Ideas : public ::testing::Test {
 protected:
  void SetUp() override {
    write_teacher(teacher_.path, R"({"max_position_embeddings": 1024})");  // so that spread is not even
    teacher_config_ = read_config(teacher_.path);
    calibration_ = random_calibration(teacher_config_.vocab);
  }
  ConversionSummary make(const ConvertSettings& settings, const std::string& name = "out") {
    return convert({.teacher = teacher_.path,
                    .out = out_.path / name,
                    .settings = settings,
                    .overwrite = true,
                    .calibration = &calibration_});
  }
  static ConvertSettings settings(const std::string& layers) {
    ConvertSettings settings;
    settings.mla_layers = layers;
    settings.kv_rank = 8, settings.rope_dim = 4, settings.calibration = "random";
    return settings;
  }
  std::string weights(const std::string& name) { return read_file(out_.path / name / "model.safetensors"); }
  ScratchFolder teacher_, out_;
  ModelConfig teacher_config_;
  Calibration calibration_;
};

// Each idea, alone with what it needs, changes the student and leaves one that computes.
TEST_F(Ideas, EachChangesTheStudent) {
  const auto check = [&](const std::string& layers, std::string ConvertSettings::*init, const std::string& before,
                         const std::string& after) {
    auto flags = settings(layers);
    flags.refit = "none", flags.*init = before;
    make(flags, "before");
    flags.*init = after;
    const auto kl = make(flags, "after").report.kl.value();
    EXPECT_TRUE(std::isfinite(kl)) << after;
    EXPECT_TRUE(weights("before") != weights("after")) << after;
  };
  const auto mla = &ConvertSettings::mla_init, mamba2 = &ConvertSettings::mamba2_init;
  for (const char* idea : {"spread", "frequencies", "used-rows", "balance", "whiten", "rorope", "complex", "residual",
                           "phase", "rotation"}) {
    check("all", mla, "plain", idea);
  }
  check("all", mla, "whiten", "whiten,two-sided");
  check("all", mla, "complex", "complex,freqfold");
  check("all", mla, "rorope", "rorope,freqfold");
  for (const char* idea : {"linear", "gate", "decay-distance", "phase", "rotation"})
    check("none", mamba2, "plain", idea);
  check("none", mamba2, "linear", "linear,constant");
  check("none", mamba2, "linear", "linear,centred");
  check("none", mamba2, "linear,gate", "linear,gate,decay-search");
}

TEST_F(Ideas, AListOfAllIsRefined) {
  auto flags = settings("1");
  make(flags, "refined");
  flags.mla_init = join(refined_mla_names(true), ","), flags.mamba2_init = join(refined_mamba2_names(), ",");
  make(flags, "list");
  EXPECT_EQ(weights("refined"), weights("list"));
}

TEST_F(Ideas, KeptStatisticsGiveTheSameStudent) {
  auto flags = settings("1");
  make(flags, "measured");
  flags.statistics = (out_.path / "statistics.safetensors").string();
  make(flags, "written");
  const auto kept = read_file(flags.statistics);
  make(flags, "read");
  EXPECT_EQ(read_file(flags.statistics), kept);
  EXPECT_EQ(weights("measured"), weights("written"));
  EXPECT_EQ(weights("measured"), weights("read"));

  const auto refused = [&](const std::string& words) {
    try {
      make(flags, "refused");
      FAIL() << "expected an error with: " << words;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  calibration_.ids[0][0] += calibration_.ids[0][0].item<int64_t>() == 0 ? 1 : -1;
  refused("another calibration");
  calibration_ = random_calibration(teacher_config_.vocab);
  write_teacher(teacher_.path, "{}", 2);
  refused("other weights");
  write_teacher(teacher_.path, R"({"rope_theta": 500.0})");
  refused("frequencies");
  write_file(flags.statistics, kept.substr(0, kept.size() / 2));
  refused("statistics.safetensors");
  write_teacher(teacher_.path, "{}");
  // A number with another last bit is finite, too: the student would be another.
  for (const size_t from_the_end : {9, 900}) {
    std::string changed = kept;
    changed[changed.size() - from_the_end] ^= 1;
    write_file(flags.statistics, changed);
    refused("tensor \"crc32c\": expected");
  }
  write_file(flags.statistics, kept);
  make(flags, "again");
  EXPECT_EQ(weights("measured"), weights("again"));
}

TEST_F(Ideas, RanksPerLayerAreWrittenAndRead) {
  const auto ranks = [&](const char* rule, const char* init, double energy, int64_t kv_rank = 8) {
    auto flags = settings("all");
    flags.kv_rank = kv_rank;
    flags.rank = rule, flags.init = init, flags.rank_energy = energy;
    make(flags);
    std::vector<int64_t> out;
    for (const auto& mixer : read_config(out_.path / "out").mixers) out.push_back(mixer.get<MlaConfig>().kv_rank);
    load_model(out_.path / "out");  // shapes and weights agree
    return out;
  };
  EXPECT_EQ(ranks("energy", "refined", 1), (std::vector<int64_t>{8, 32, 8}));
  EXPECT_EQ(ranks("energy", "reference", 0.001), (std::vector<int64_t>{8, 8, 8}));
  EXPECT_EQ(ranks("energy", "reference", 1), (std::vector<int64_t>{8, 32, 8}));
  const auto equal = ranks("equal", "refined", 0.95, 12);
  EXPECT_EQ(equal[0] + equal[1] + equal[2], 36);
  EXPECT_NE(equal, (std::vector<int64_t>{12, 12, 12}));
  const auto budget = ranks("budget", "refined", 0.95);
  EXPECT_EQ(budget[0] + budget[1] + budget[2], 24);
}

// A layer's rotated key as wide as it says, with frequencies of its own, spread also beside Mamba2; the folder holds
// them.
TEST_F(Ideas, RotatedWidthsOfSingleLayersHold) {
  const auto& parent = teacher_config_.mixers[0].get<AttentionConfig>();
  const auto frequencies = rope_frequencies(parent.rope, parent.head_dim);
  const auto expect_widths = [&](const std::vector<int64_t>& widths) {
    std::vector<int64_t> made;
    for (const auto& mixer : read_config(out_.path / "out").mixers) {
      if (!mixer.is<MlaConfig>()) continue;
      const auto& mla = mixer.get<MlaConfig>();
      made.push_back(mla.rope_dim);
      const auto kept = spread_frequencies(frequencies, mla.rope_dim / 2, parent.rope.max_position);
      const auto found = rope_frequencies(mla.rope, mla.rope_dim);
      ASSERT_EQ(found.size(), kept.size());
      for (size_t i = 0; i < kept.size(); ++i) {
        EXPECT_NEAR(found[i], frequencies[static_cast<size_t>(kept[i])], 1e-6 * found[i]);
      }
    }
    EXPECT_EQ(made, widths);
    load_model(out_.path / "out");
  };
  auto flags = settings("0,2");
  flags.rope_dims = "0:2,2:6";
  make(flags);
  expect_widths({2, 6});
  flags.mla_layers = "all";
  make(flags);
  expect_widths({2, flags.rope_dim, 6});
  flags.mla_init = "frequencies,whiten";  // each layer searches its own
  make(flags);
  EXPECT_EQ(read_config(out_.path / "out").mixers[2].get<MlaConfig>().rope_dim, 6);
}

TEST_F(Ideas, RanksOfSingleLayersHold) {
  auto flags = settings("all");
  flags.kv_ranks = "1:16,2:24";
  make(flags);
  std::vector<int64_t> out;
  for (const auto& mixer : read_config(out_.path / "out").mixers) out.push_back(mixer.get<MlaConfig>().kv_rank);
  EXPECT_EQ(out, (std::vector<int64_t>{8, 16, 24}));
  load_model(out_.path / "out");
  write_json(out_.path / "selection.json",
             Json::parse(R"({"mla_layers": [0, 2], "kv_ranks": {"0": 16, "2": 8}, "rope_dim": 4})"));
  ConvertSettings chosen;
  chosen.mla_layers = (out_.path / "selection.json").string();
  read_selection(chosen);
  EXPECT_EQ(chosen.mla_layers, "0,2");
  EXPECT_EQ(chosen.kv_ranks, "0:16,2:8");
  EXPECT_EQ(chosen.rope_dim, 4);
}

TEST(Ranks, EnergyCountsWhatStaysBelowThePart) {
  const auto spectrum = at::tensor({5.0, 3.0, 1.0, 1.0}, at::kDouble);
  EXPECT_EQ(energy_rank(spectrum, 0.8, 1), 2);
  EXPECT_EQ(energy_rank(spectrum, 0.79, 1), 1);
  EXPECT_EQ(energy_rank(spectrum, 0.1, 1), 1);
  EXPECT_EQ(energy_rank(spectrum, 0.8, 8), 8);
}

TEST(Ranks, BudgetGoesWhereEnergyIs) {
  const auto flat = at::ones({32}, at::kDouble), steep = at::pow(0.3, at::arange(32, at::kDouble));
  const auto ranks = budget_ranks({{flat, 2, 32}, {steep, 2, 32}, {flat, 1, 32}}, 8, 1);
  EXPECT_EQ(ranks[0] + ranks[1] + ranks[2], 24);
  // The steep spectrum always gains most of what is left, by CARE's rule, up to twice the rank or until its price.
  EXPECT_GT(ranks[1], ranks[0]);
  EXPECT_GE(ranks[0], ranks[2]);  // more layers follow
  for (const int64_t rank : ranks) EXPECT_TRUE(rank >= 4 && rank <= 16);
  EXPECT_EQ(budget_ranks({{flat, 2, 5}, {flat, 1, 5}}, 8, 1), (std::vector<int64_t>{5, 5}));
}

TEST(Ranks, EqualPartsOfEnergy) {
  const auto flat = at::ones({32}, at::kDouble), steep = at::pow(0.3, at::arange(32, at::kDouble));
  const auto ranks = equal_ranks({{flat, 2, 32}, {steep, 2, 32}, {flat, 1, 32}}, 12, 1);
  // One rank holds 0.7 of the steep one, 18 hold 0.56 of a flat one; what follows a layer does not count.
  EXPECT_EQ(ranks, (std::vector<int64_t>{18, 1, 17}));
  EXPECT_EQ(equal_ranks({{flat, 2, 32}, {steep, 2, 32}}, 17, 1), (std::vector<int64_t>{31, 3}));
  EXPECT_EQ(equal_ranks({{flat, 2, 5}, {steep, 1, 32}}, 8, 1), (std::vector<int64_t>{5, 11}));
}

}  // namespace
}  // namespace zebra
