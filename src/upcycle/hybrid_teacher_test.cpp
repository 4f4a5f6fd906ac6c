// Conversions that begin with a hybrid: what it has converted stays, and the rest becomes what it would anywhere.
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/safetensors.h"
#include "layers/rope.h"
#include "upcycle/convert.h"
#include "upcycle/inherited.h"
#include "upcycle/mla_refined.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

// Calls each("q_proj.weight", value) for the tensors that a folder holds of a layer's mixer.
void each_of_mixer(const WeightSource& source, int64_t layer,
                   const std::function<void(const std::string& name, const at::Tensor& value)>& each) {
  const std::string prefix = cat("model.layers.", layer, ".");
  for (const auto& name : source.names()) {
    const std::string rest = name.starts_with(prefix) ? name.substr(prefix.size()) : "";
    if (rest.starts_with("self_attn.") || rest.starts_with("mla.") || rest.starts_with("mamba.")) {
      each(rest.substr(rest.find('.') + 1), source.get(name));
    }
  }
}

class HybridTeacher : public ::testing::Test {
 protected:
  void SetUp() override { begin(); }
  void begin(const std::string& changes = "{}") {
    write_teacher(path("teacher"), changes);
    calibration_ = random_calibration(96);
  }
  fs::path path(const std::string& name) {
    fs::create_directories(scratch_.path / name);
    return scratch_.path / name;
  }
  ConversionSummary make(const std::string& from, const std::string& to, const ConvertSettings& settings) {
    return convert({.teacher = path(from),
                    .out = path(to),
                    .settings = settings,
                    .overwrite = true,
                    .calibration = settings.calibration.empty() ? nullptr : &calibration_});
  }
  // The layers of each kind; all others stay as they are.
  static ConvertSettings only(const std::string& mla, const std::string& mamba2, const std::string& init = "refined") {
    ConvertSettings settings;
    settings.mla_layers = mla, settings.mamba2_layers = mamba2, settings.rest = "attention", settings.init = init;
    settings.kv_rank = 8, settings.rope_dim = 4;
    if (init == "refined") settings.calibration = "random";
    return settings;
  }
  static ConvertSettings rest() {
    auto settings = only("none", "none");
    settings.rest = "mamba2";
    return settings;
  }
  std::string weights(const std::string& name) { return read_file(path(name) / "model.safetensors"); }
  // All tensors of a layer's mixer are the same in two folders, to the bit and in their dtype.
  void expect_same_mixer(const std::string& a, const std::string& b, int64_t layer) {
    const auto first = WeightSource::open(path(a)), second = WeightSource::open(path(b));
    std::map<std::string, at::Tensor> found;
    each_of_mixer(*first, layer, [&](const auto& name, const auto& value) { found[name] = value; });
    size_t count = 0;
    each_of_mixer(*second, layer, [&](const auto& name, const auto& value) {
      ++count;
      ASSERT_TRUE(found.count(name)) << a << ", " << b << ": layer " << layer << " " << name;
      EXPECT_EQ(found[name].scalar_type(), value.scalar_type()) << name;
      EXPECT_TRUE(found[name].equal(value)) << a << ", " << b << ": layer " << layer << " " << name;
    });
    EXPECT_EQ(count, found.size());
    EXPECT_GE(count, 4u);
  }
  double kl(const std::string& teacher, const std::string& student) {
    const auto t = load_model(path(teacher)), s = load_model(path(student));
    const auto ids = calibration_.ids.narrow(0, calibration_.fitted(), calibration_.held_out);
    const auto p = at::log_softmax(t.logits(t.hidden(ids)), -1), q = at::log_softmax(s.logits(s.hidden(ids)), -1);
    return (p.exp() * (p - q)).sum(-1).mean().item<double>();
  }

  ScratchFolder scratch_;
  Calibration calibration_;
};

TEST_F(HybridTeacher, WhatIsConvertedIsCopied) {
  begin(R"({"torch_dtype": "bfloat16"})");
  make("teacher", "first", only("2", "0"));
  const auto summary = make("first", "second", only("1", "none"));
  const auto from = WeightSource::open(path("first")), to = WeightSource::open(path("second"));
  size_t same = 0;
  for (const auto& name : to->names()) {
    if (!from->has(name)) continue;
    EXPECT_EQ(from->dtype(name), to->dtype(name)) << name;
    EXPECT_TRUE(from->get(name).equal(to->get(name))) << name;
    ++same;
  }
  EXPECT_EQ(same, from->names().size() - 4);  // q, k, v and o of layer 1
  EXPECT_TRUE(to->has("model.layers.0.mamba.A_log") && to->has("model.layers.2.mla.kv_b_proj.weight"));
  EXPECT_EQ(to->dtype("model.layers.0.mamba.A_log"), at::kFloat);
  EXPECT_EQ(to->dtype("model.layers.1.mla.kv_b_proj.weight"), at::kBFloat16);
  const auto before = read_config(path("first")), after = read_config(path("second"));
  EXPECT_TRUE(before.mixers[0] == after.mixers[0]);
  // A folder of two tables spells a layer's frequencies out, one of a single table may say them by theta and a factor.
  auto then = before.mixers[2].get<MlaConfig>(), now = after.mixers[2].get<MlaConfig>();
  const auto turns = rope_frequencies(then.rope, then.rope_dim), turns_now = rope_frequencies(now.rope, now.rope_dim);
  ASSERT_EQ(turns.size(), turns_now.size());
  for (size_t i = 0; i < turns.size(); ++i) EXPECT_NEAR(turns_now[i] / turns[i], 1, 1e-12);
  EXPECT_TRUE(share_table(then.rope, now.rope));  // else alike
  then.rope = now.rope = {};
  EXPECT_TRUE(then == now);
  EXPECT_EQ(inherited_layers(before), (std::vector<int64_t>{0, 2}));
  const auto& layers = summary.report.layers;
  EXPECT_TRUE(layers[0].mixer == "mamba2" && layers[1].mixer == "mla" && layers[2].mixer == "mla");
  EXPECT_TRUE(layers[0].inherited && !layers[1].inherited && layers[2].inherited);
  EXPECT_NEAR(summary.report.kl.value(), kl("first", "second"), 1e-4);
  EXPECT_GT(summary.report.kl.value(), 1e-3);
}

// AMD's arithmetic looks at weights alone, so that the way there makes no difference.
TEST_F(HybridTeacher, TwoReferenceStepsAreOne) {
  auto all = only("1", "0,2", "reference");
  make("teacher", "at_once", all);
  make("teacher", "first", only("none", "2", "reference"));
  make("first", "second", only("1", "0", "reference"));
  EXPECT_EQ(weights("second"), weights("at_once"));
  make("teacher", "first", only("1", "none", "reference"));  // X-EcoMLA's folder, whose MLA has every kv head
  EXPECT_EQ(read_config(path("first")).format, Format::x_ecomla);
  make("first", "second", only("0", "none", "reference"));
  EXPECT_EQ(read_config(path("second")).format, Format::x_ecomla);
  make("teacher", "at_once", only("0,1", "none", "reference"));
  EXPECT_EQ(weights("second"), weights("at_once"));
  make("first", "second", only("none", "0,2", "reference"));
  EXPECT_EQ(read_config(path("second")).format, Format::zebra_llama);
  expect_same_mixer("first", "second", 1);
  EXPECT_GT(kl("teacher", "second"), 0);  // the folder can be read
}

// Nothing in front of the first layer has changed, so that it becomes what it would in the Transformer.
TEST_F(HybridTeacher, TheFirstLayerBecomesWhatItWouldAlone) {
  make("teacher", "first", only("2", "1"));
  for (const auto& [mla, mamba2] : {std::pair("none", "0"), std::pair("0", "none")}) {
    make("teacher", "alone", only(mla, mamba2));
    make("first", "second", only(mla, mamba2));
    expect_same_mixer("second", "alone", 0);
    expect_same_mixer("second", "first", 1);
    expect_same_mixer("second", "first", 2);
  }
}

// Behind converted layers it is measured on what the hybrid makes of the text: here written out by other means.
TEST_F(HybridTeacher, LaterLayersAreMeasuredOnTheHybridsOwnStream) {
  const std::vector<int64_t> pairs = {0, 2};
  auto flags = only("2", "none");
  flags.rope_pairs = "0,2", flags.refit = "none";
  make("teacher", "first", only("none", "0,1"));
  make("first", "second", flags);
  const auto layer_of = [&](const std::string& teacher) {
    const auto model = load_model(path(teacher));
    const Mixer& attention = *model.blocks()[2].mixer;
    const auto config = model.config().mixers[2].get<AttentionConfig>();
    at::Tensor inputs;
    model.hidden(calibration_.ids.narrow(0, 0, calibration_.fitted()), {},
                 [&](int64_t layer, TapPoint point, const at::Tensor& value) {
                   if (layer == 2 && point == TapPoint::mixer_input) inputs = value;
                 });
    InputMoments moments;
    ReachObserver reach(attention, config);
    moments.see(inputs), reach.see(inputs);
    auto made = read_config(path("second")).mixers[2].get<MlaConfig>();
    const auto weights = refined_mla(read_attention(const_cast<Mixer&>(attention), config),
                                     {moments.second(false), moments.mean(false), reach.finish()}, made, pairs,
                                     parse_mla_ideas("refined", ""));
    return build_mixer(made, weights, at::kFloat)->forward(inputs);
  };
  const auto model = load_model(path("first")), student = load_model(path("second"));
  at::Tensor inputs;
  model.hidden(calibration_.ids.narrow(0, 0, calibration_.fitted()), {},
               [&](int64_t layer, TapPoint point, const at::Tensor& value) {
                 if (layer == 2 && point == TapPoint::mixer_input) inputs = value;
               });
  const auto made = student.blocks()[2].mixer->forward(inputs);
  const auto distance = [&](const at::Tensor& other) { return ((made - other).norm() / made.norm()).item<double>(); };
  EXPECT_LT(distance(layer_of("first")), 1e-4);
  EXPECT_GT(distance(layer_of("teacher")), 1e-2);  // measured on the Transformer's it would be another
}

TEST_F(HybridTeacher, StatisticsOfAHybridAreKept) {
  make("teacher", "first", only("0", "2"));
  auto flags = rest();
  make("first", "measured", flags);
  flags.statistics = (scratch_.path / "statistics.safetensors").string();
  make("first", "written", flags);
  make("first", "read", flags);
  EXPECT_EQ(weights("measured"), weights("written"));
  EXPECT_EQ(weights("measured"), weights("read"));
  const SafetensorsFile kept(flags.statistics);
  EXPECT_TRUE(kept.tensors().contains("layers.1.second"));
  EXPECT_FALSE(kept.tensors().contains("layers.0.second") || kept.tensors().contains("layers.2.second"));
}

// Whatever chooses widths and frequencies leaves inherited layers alone, and every file can be read back.
TEST_F(HybridTeacher, ChoicesAreOfNewLayers) {
  for (const char* mamba2 : {"none", "2"}) {
    make("teacher", "first", only("1", mamba2));
    const auto before = read_config(path("first"));
    const auto check = [&](const ConvertSettings& flags) {
      const auto summary = make("first", "second", flags);
      EXPECT_NEAR(summary.report.kl.value(), kl("first", "second"), 1e-4);
      const auto after = read_config(path("second"));
      EXPECT_EQ(after.mixers[1].get<MlaConfig>().kv_rank, 8);
      EXPECT_EQ(after.mixers[1].get<MlaConfig>().rope_dim, 4);
      expect_same_mixer("first", "second", 1);
      return after.mixers[0].get<MlaConfig>();
    };
    auto flags = only("all", "none");
    for (const char* split : {"auto", "trained"}) {
      flags.split = split;
      const auto mla = check(flags);
      EXPECT_EQ(mla.kv_rank + mla.rope_dim, 12) << split;
    }
    flags.split = "fixed", flags.rank = "energy", flags.rank_energy = 1;
    EXPECT_EQ(check(flags).kv_rank, 8);  // the first layer's is fixed
    flags.rank = "budget";
    check(flags);
    flags.rank = "fixed", flags.kv_ranks = "0:16";
    EXPECT_EQ(check(flags).kv_rank, 16);
    flags.kv_ranks = "", flags.mla_init = "frequencies,whiten";
    check(flags);
  }
}

// One table for the folder: inherited layers rotate as they did, to the bit, whatever new ones choose.
TEST_F(HybridTeacher, InheritedLayersRotateAsTheyDid) {
  const auto inputs = at::randn({2, 40, 32});
  const auto outputs = [&](const std::string& name) {
    return load_model(path(name)).blocks()[1].mixer->forward(inputs);
  };
  for (const auto& [first, second] :
       {std::pair("0,3", "1,2"), std::pair("1,2", "0,3"), std::pair("1,2", "1,2"), std::pair("0,1,3", "0,3"),
        std::pair("1", "0,1,3"), std::pair("0,1,3", "0,2,3")}) {
    const auto set = [](ConvertSettings flags, const std::string& pairs) {
      flags.rope_pairs = pairs, flags.rope_dim = static_cast<int64_t>(pairs.size()) + 1;
      return flags;
    };
    make("teacher", "first", set(only("1", "none"), first));
    const auto summary = make("first", "second", set(only("2", "none"), second));
    EXPECT_TRUE(outputs("first").equal(outputs("second"))) << first << " then " << second;
    EXPECT_NEAR(summary.report.kl.value(), kl("first", "second"), 1e-4) << first << " then " << second;
    const auto all = rope_frequencies(read_config(path("teacher")).mixers[1].get<AttentionConfig>().rope, 8);
    const auto mla = read_config(path("second")).mixers[2].get<MlaConfig>();
    const auto rotated = rope_frequencies(mla.rope, mla.rope_dim);
    for (size_t i = 0; i < rotated.size(); ++i) {
      const double wanted = all[static_cast<size_t>(second[2 * i] - '0')];
      EXPECT_NEAR(rotated[i], wanted, 3e-6 * wanted) << first << " then " << second;
    }
  }
}

TEST_F(HybridTeacher, TheCardTellsOfItsTeacher) {
  auto summary = make("teacher", "first", only("none", "0"));
  EXPECT_EQ(conversion_table(summary).find("kept"), std::string::npos);
  summary = make("first", "second", rest());
  EXPECT_NE(conversion_table(summary).find("kept     layers 0 as"), std::string::npos);
  const std::string card = read_file(path("second") / "README.md");
  EXPECT_NE(card.find("Kept: layers 0 as"), std::string::npos);
  EXPECT_NE(card.find("---\n\n# first, converted"), std::string::npos) << "behind the hub's fields";
  EXPECT_NE(card.find("\n## teacher, converted"), std::string::npos) << "how the hybrid was made, a level deeper";
  EXPECT_EQ(conversion_json(summary)["layers"][0]["inherited"], true);
  EXPECT_EQ(conversion_json(summary)["layers"][1]["inherited"], false);
}

TEST(ShareTable, FrequenciesAloneMayDiffer) {
  RopeConfig plain, slow = plain, yarn = plain, dynamic = plain, interleaved = plain;
  slow.type = RopeConfig::Type::linear, slow.factor = 4;
  yarn.type = RopeConfig::Type::yarn, yarn.factor = 4, yarn.original_max_position = 64;
  dynamic.type = RopeConfig::Type::dynamic, dynamic.factor = 2;
  interleaved.layout = RopeConfig::Layout::interleaved;
  EXPECT_TRUE(share_table(plain, slow));
  EXPECT_TRUE(share_table(yarn, yarn));
  EXPECT_FALSE(share_table(plain, yarn));  // which scales cos and sin
  EXPECT_FALSE(share_table(plain, dynamic));
  EXPECT_FALSE(share_table(plain, interleaved));
  yarn.attention_factor = 1;
  EXPECT_TRUE(share_table(plain, yarn));
}

}  // namespace
}  // namespace zebra
