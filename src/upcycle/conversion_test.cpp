// The pass over the layers, the search, the files that come out and their export.
#include "upcycle/conversion.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/error.h"
#include "layers/rope.h"
#include "upcycle/card.h"
#include "upcycle/held_out_kl.h"
#include "upcycle/mla_export_amd.h"
#include "upcycle/mla_rope_table.h"
#include "upcycle/mla_search.h"
#include "upcycle/mla_trained_error.h"
#include "upcycle/test_teachers.h"

namespace zebra {
namespace {

ConvertSettings hybrid() {
  return {.mla_layers = "1", .kv_rank = 8, .rope_dim = 4};
}

// Converts the teacher in `folder` and writes the student to `out`.
ConversionReport convert(const fs::path& folder, const fs::path& out, const ConvertSettings& settings) {
  const auto teacher = read_config(folder);
  const auto source = WeightSource::open(folder);
  const auto calibration = random_calibration(teacher.vocab);
  const auto options = student_options(settings);
  ConversionRequest request{*source, teacher, plan_student(teacher, options)};
  request.mla = options.mla, request.mamba2 = options.mamba2;
  request.refit = options.refit, request.calibration = &calibration;
  choose_frequencies(request, options);
  WeightWriter writer(out, student_tensors(*source, teacher, request.student));
  auto report =
      run_conversion(request, [&](const std::string& name, const at::Tensor& value) { writer.put(name, value); });
  writer.finish();
  write_config(out, report.student);
  return report;
}

double kl_between(const fs::path& teacher_folder, const fs::path& student_folder) {
  const auto teacher = load_model(teacher_folder), student = load_model(student_folder);
  const auto calibration = random_calibration(teacher.config().vocab);
  const auto ids = calibration.ids.narrow(0, calibration.fitted(), calibration.held_out);
  const auto t = at::log_softmax(teacher.logits(teacher.hidden(ids)), -1);
  const auto s = at::log_softmax(student.logits(student.hidden(ids)), -1);
  return ((t.exp() * (t - s)).sum(-1)).mean().item<double>();
}

TEST(Conversion, WrittenFolderIsTheStudentThatWasMeasured) {
  for (const char* changes :
       {"{}", R"({"tie_word_embeddings": false})", R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})",
        R"({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 12})"}) {
    const ScratchFolder teacher, student;
    write_teacher(teacher.path, changes);
    const auto report = convert(teacher.path, student.path, hybrid());
    EXPECT_NEAR(report.kl.value(), kl_between(teacher.path, student.path), 1e-4) << changes;
    ASSERT_EQ(report.layers.size(), 3u);
    EXPECT_EQ(report.layers[0].mixer, "mamba2");
    EXPECT_EQ(report.layers[1].mixer, "mla");
  }
}

TEST(Conversion, RefinedIsNearerThanReference) {
  const ScratchFolder teacher, refined, reference;
  write_teacher(teacher.path);
  auto settings = hybrid();
  const double best = convert(teacher.path, refined.path, settings).kl.value();
  settings.init = "reference";
  EXPECT_LT(best, 0.6 * convert(teacher.path, reference.path, settings).kl.value());
}

TEST(Conversion, RotatesTheFrequenciesThatAreGiven) {
  const ScratchFolder teacher, student;
  write_teacher(teacher.path);
  const auto all = rope_frequencies(read_config(teacher.path).mixers[1].get<AttentionConfig>().rope, 8);
  for (const std::vector<size_t>& pairs : {std::vector<size_t>{0, 3}, {1, 2}}) {
    auto settings = hybrid();
    settings.rope_pairs = cat(pairs[0], ",", pairs[1]);
    const auto report = convert(teacher.path, student.path, settings);
    const auto rotated = rope_frequencies(report.student.mixers[1].get<MlaConfig>().rope, 4);
    for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(rotated[i], all[pairs[i]], 3e-6 * all[pairs[i]]);
  }
}

// An exact student: one key-value head, all of whose frequencies stay rotated.
double farthest(const std::string& changes, ConvertSettings settings, int64_t length,
                ConversionReport* made = nullptr) {
  const ScratchFolder teacher, student;
  write_teacher(teacher.path, changes);
  settings.mla_layers = "all", settings.rest = "attention", settings.rope_dim = 8;
  const auto report = convert(teacher.path, student.path, settings);
  if (made) *made = report;
  const auto ids = random_calibration(96, 4, length).ids;
  const auto t = load_model(teacher.path), s = load_model(student.path);
  return (t.logits(t.hidden(ids)) - s.logits(s.hidden(ids))).abs().max().item<double>();
}

TEST(Conversion, MlaKeepsTheTeachersWindow) {
  ConvertSettings settings;
  settings.kv_rank = 16, settings.nope_dim = 8;
  for (const char* changes : {R"({"num_key_value_heads": 1, "model_type": "mistral", "sliding_window": 9})",
                              R"({"num_key_value_heads": 1, "model_type": "mistral", "sliding_window": 40})",
                              R"({"num_key_value_heads": 1, "model_type": "mistral", "sliding_window": 9,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]})",
                              R"({"num_key_value_heads": 1, "model_type": "qwen2", "sliding_window": 9,
            "use_sliding_window": true, "max_window_layers": 1})"}) {
    EXPECT_LT(farthest(changes, settings, 20), 2e-4) << changes;
    EXPECT_LT(farthest(changes, settings, 100), 2e-4) << changes;
  }
}

TEST(Conversion, MlaKeepsDynamicScaling) {
  ConvertSettings settings;
  settings.kv_rank = 16, settings.nope_dim = 8;
  const std::string changes = R"({"num_key_value_heads": 1, "max_position_embeddings": 48,
      "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}})";
  for (const char* init : {"refined", "plain"}) {
    settings.mla_init = init;
    ConversionReport report;
    EXPECT_LT(farthest(changes, settings, 40), 2e-4) << init;
    EXPECT_LT(farthest(changes, settings, 100, &report), 2e-4) << init;
    const auto& rope = report.student.mixers[0].get<MlaConfig>().rope;
    EXPECT_EQ(rope.type, RopeConfig::Type::dynamic);
    EXPECT_TRUE(rope.inv_freq.empty());  // which AMD's format can say
  }
}

// Some of the frequencies, in a folder and back: each grows as the teacher's own.
TEST(Conversion, SomeFrequenciesKeepDynamicScaling) {
  const ScratchFolder teacher, student;
  write_teacher(teacher.path, R"({"max_position_embeddings": 48, "rope_scaling": {"type": "dynamic", "factor": 3.0}})");
  for (const char* layers : {"1", "all"}) {
    auto settings = hybrid();
    settings.mla_layers = layers;
    if (std::string(layers) == "all") settings.rope_dims = "0:8,2:2";  // whole, two and one of the frequencies
    convert(teacher.path, student.path, settings);
    const auto parent = read_config(teacher.path).mixers[1].get<AttentionConfig>().rope;
    const ModelConfig made = read_config(student.path);
    for (const int64_t length : {48, 49, 400}) {
      const auto all = rope_frequencies(parent, 8, length);
      for (const auto& mixer : made.mixers) {
        const auto* mla = mixer.as<MlaConfig>();
        if (!mla) continue;
        for (const double f : rope_frequencies(mla->rope, mla->rope_dim, length)) {
          const bool one = std::any_of(all.begin(), all.end(), [f](double g) { return std::fabs(f - g) < 3e-6 * g; });
          EXPECT_TRUE(one) << f << " at " << length;
        }
      }
    }
  }
}

// What a refit of either kind does is what the choice of kinds leaves out.
TEST(Conversion, RefitsTheMixersThatAreNamed) {
  const ScratchFolder teacher;
  write_teacher(teacher.path);
  const auto projections = [&](const std::string& refit, const std::string& on) {
    const ScratchFolder out;
    auto settings = hybrid();
    settings.refit = refit, settings.refit_on = on;
    convert(teacher.path, out.path, settings);
    const auto source = WeightSource::open(out.path);
    return std::array{source->get("model.layers.0.mamba.out_proj.weight").clone(),
                      source->get("model.layers.1.mla.out_proj.weight").clone()};
  };
  const auto none = projections("none", "student"), mla = projections("mla", "student"),
             mamba2 = projections("mamba2", "student"), parallel = projections("all", "teacher");
  EXPECT_TRUE(at::equal(none[0], mla[0]) && !at::equal(none[1], mla[1]));
  EXPECT_TRUE(at::equal(none[1], mamba2[1]) && !at::equal(none[0], mamba2[0]));
  // The first layer's input is the same on both streams; behind it they differ.
  EXPECT_LT((parallel[0] - mamba2[0]).abs().max().item<double>(), 1e-4);
  EXPECT_GT((parallel[1] - mla[1]).abs().max().item<double>(), 1e-4);
}

TEST(Conversion, IsRepeatable) {
  const ScratchFolder teacher, first, second;
  write_teacher(teacher.path);
  for (const char* init : {"refined", "reference"}) {
    auto settings = hybrid();
    settings.init = init;
    convert(teacher.path, first.path, settings);
    convert(teacher.path, second.path, settings);
    EXPECT_EQ(read_file(first.path / "model.safetensors"), read_file(second.path / "model.safetensors")) << init;
  }
}

TEST(Conversion, InheritedTensorsAreCopiedAsTheyAre) {
  const ScratchFolder teacher, student;
  write_teacher(teacher.path, R"({"torch_dtype": "bfloat16"})");
  auto settings = hybrid();
  settings.rest = "attention";
  convert(teacher.path, student.path, settings);
  const auto from = WeightSource::open(teacher.path), to = WeightSource::open(student.path);
  int same = 0;
  for (const auto& name : to->names()) {
    if (!from->has(name)) continue;
    EXPECT_TRUE(from->get(name).equal(to->get(name))) << name;
    ++same;
  }
  EXPECT_EQ(same, static_cast<int>(from->names().size()) - 4);  // q, k, v and o of one layer
  EXPECT_EQ(to->dtype("model.layers.1.mla.kv_b_proj.weight"), at::kBFloat16);
}

TEST(Conversion, SplitAutoKeepsTheCache) {
  const ScratchFolder teacher, fixed_split, auto_split;
  write_teacher(teacher.path);
  auto settings = hybrid();
  settings.mla_layers = "all";
  const double kl = convert(teacher.path, fixed_split.path, settings).kl.value();
  settings.split = "auto";
  const auto report = convert(teacher.path, auto_split.path, settings);
  const auto& mla = report.student.mixers[0].get<MlaConfig>();
  EXPECT_EQ(mla.kv_rank + mla.rope_dim, 12);
  EXPECT_LT(report.kl.value(), 1.1 * kl);
  settings.split = "trained";
  const auto trained = convert(teacher.path, auto_split.path, settings);
  const auto& shape = trained.student.mixers[0].get<MlaConfig>();
  EXPECT_EQ(shape.kv_rank + shape.rope_dim, 12);
}

// Training a layer alone leaves less than its refit, and next to nothing where the form can express the teacher.
TEST(TrainedError, IsWhatTheFormCannotExpress) {
  const ScratchFolder folder;
  write_teacher(folder.path, R"({"num_key_value_heads": 1})");
  const auto teacher = read_config(folder.path);
  const auto source = WeightSource::open(folder.path);
  const auto calibration = random_calibration(teacher.vocab);
  auto settings = hybrid();
  settings.mla_layers = "all";
  ConversionRequest request{*source, teacher, plan_student(teacher, student_options(settings))};
  request.calibration = &calibration;
  const auto errors = trained_errors(request, {{16, 8, {0, 1, 2, 3}}, {4, 2, {0}}});
  EXPECT_LT(errors[0], 0.01);
  EXPECT_GT(errors[1], 0.05);
  EXPECT_LT(errors[1], 1);
}

TEST(Search, CandidatesAreAllSubsetsOrEvenlySpaced) {
  EXPECT_EQ(frequency_candidates(4, 2, 10).size(), 6u);
  EXPECT_EQ(frequency_candidates(32, 1, 24).size(), 24u);
  const auto many = frequency_candidates(32, 16, 6);
  EXPECT_EQ(many.size(), 6u);
  for (const auto& pairs : many) {
    ASSERT_EQ(pairs.size(), 16u);
    for (size_t i = 2; i < pairs.size(); ++i) EXPECT_EQ(pairs[i] - pairs[i - 1], pairs[1] - pairs[0]);
    EXPECT_LT(pairs.back(), 32);
  }
}

TEST(Search, SpreadReachesTheFirstThatDoesNotTurnWithinTheContext) {
  RopeConfig parent;
  parent.theta = 10000;
  const auto all = rope_frequencies(parent, 32);  // turns of 1,117 (9), 1,987 (10) and 3,533 (11) tokens
  EXPECT_EQ(spread_frequencies(all, 4, 2048), (FrequencyPairs{0, 4, 7, 11}));
  EXPECT_EQ(spread_frequencies(all, 3, 2048), (FrequencyPairs{0, 6, 11}));
  EXPECT_EQ(spread_frequencies(all, 3, 1024), (FrequencyPairs{0, 5, 9}));
  EXPECT_EQ(spread_frequencies(all, 1, 2048), (FrequencyPairs{5}));
  EXPECT_EQ(spread_frequencies(all, 2, int64_t{1} << 40), (FrequencyPairs{0, 15}));  // the slowest there is
  const auto every = spread_frequencies(all, 14, 64);                                // more than are that fast
  for (int64_t i = 0; i < 14; ++i) EXPECT_EQ(every[static_cast<size_t>(i)], i);
}

TEST(RopeTable, SaysGeometricSequencesByThetaAndFactor) {
  RopeConfig parent;
  const auto all = rope_frequencies(parent, 16);
  for (const std::vector<size_t>& pairs :
       std::vector<std::vector<size_t>>{{0, 1, 2}, {1, 3, 5}, {2, 3}, {4}, {0, 2, 3}}) {
    std::vector<double> chosen;
    for (const size_t pair : pairs) chosen.push_back(all[pair]);
    const auto rope = with_frequencies(parent, chosen);
    EXPECT_EQ(rope.inv_freq.empty(), pairs != std::vector<size_t>({0, 2, 3}));
    const auto made = rope_frequencies(rope, static_cast<int64_t>(2 * pairs.size()));
    for (size_t i = 0; i < pairs.size(); ++i) EXPECT_NEAR(made[i], chosen[i], 3e-6 * chosen[i]);
  }
}

TEST(StreamedKl, EqualsTheDirectOne) {
  const auto t = at::randn({300, 8}) * 2, s = t + 0.5 * at::randn({300, 8}), head = at::randn({9000, 8});
  const auto p = at::log_softmax(at::matmul(t, head.t()).to(at::kDouble), -1);
  const auto q = at::log_softmax(at::matmul(s, head.t()).to(at::kDouble), -1);
  const double direct = (p.exp() * (p - q)).sum(-1).mean().item<double>();
  EXPECT_NEAR(streamed_kl(t, s, head), direct, 1e-4 * direct);
  EXPECT_NEAR(streamed_kl(t, t, head), 0, 1e-5);
}

TEST(ExportAmd, GivesTheSameLogits) {
  for (const char* changes : {"{}", R"({"attention_bias": true})"}) {
    for (const char* rest : {"mamba2", "attention"}) {
      const ScratchFolder teacher, student, exported;
      const bool biased = std::string(changes) != "{}";
      if (biased && std::string(rest) == "mamba2") continue;  // no place for the output bias
      write_teacher(teacher.path, changes);
      auto settings = hybrid();
      settings.rest = rest;
      auto report = convert(teacher.path, student.path, settings);
      export_amd(student.path, exported.path);
      const auto config = read_config(exported.path);
      const auto& mla = config.mixers[1].get<MlaConfig>();
      EXPECT_EQ(mla.rope.layout, RopeConfig::Layout::interleaved);
      EXPECT_EQ(mla.q_rank, biased ? 40 : 32);
      const auto ids = random_calibration(96).ids;
      const auto before = load_model(student.path), after = load_model(exported.path);
      const auto logits = before.logits(before.hidden(ids));
      EXPECT_LT((after.logits(after.hidden(ids)) - logits).abs().max().item<double>(), 1e-4) << changes << rest;
    }
  }
}

TEST(ExportAmd, TakesTheSharedMatrixOfATiedModelByEitherName) {
  const ScratchFolder teacher, student, exported, other;
  write_teacher(teacher.path, R"({"tie_word_embeddings": true})");
  convert(teacher.path, student.path, hybrid());
  export_amd(student.path, exported.path);
  std::string bytes = read_file(student.path / "model.safetensors");
  const std::string name = "\"model.embed_tokens.weight\"", head = "\"lm_head.weight\"           ";
  ASSERT_EQ(name.size(), head.size());
  ASSERT_NE(bytes.find(name), std::string::npos);
  bytes.replace(bytes.find(name), name.size(), head);
  write_file(student.path / "model.safetensors", bytes);
  export_amd(student.path, other.path);
  EXPECT_EQ(read_file(other.path / "model.safetensors"), read_file(exported.path / "model.safetensors"));
}

TEST(ExportAmd, RefusesByName) {
  const ScratchFolder folder;
  write_teacher(folder.path);
  const auto teacher = read_config(folder.path);
  const auto refuse = [&](const ConvertSettings& settings, const std::string& words, const auto& change) {
    auto student = plan_student(teacher, student_options(settings));
    change(student);
    try {
      amd_config(student, "folder");
      FAIL() << "expected an error with: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const auto mla = [](ModelConfig& student) -> MlaConfig& { return student.mixers[1].get<MlaConfig>(); };
  refuse(hybrid(), "--init reference, or with --rope-pairs",
         [&](auto& student) { mla(student).rope.inv_freq = {1, 0.5}, mla(student).rope.inv_freq.push_back(0.3); });
  refuse(hybrid(), "rope_ntk_dim",
         [&](auto& student) { mla(student).rope.type = RopeConfig::Type::dynamic, mla(student).rope.ntk_dim = 8; });
  refuse(hybrid(), "sliding_window 16", [&](auto& student) { mla(student).sliding_window = 16; });
  refuse(hybrid(), "--init reference", [&](auto& student) { mla(student).rope.type = RopeConfig::Type::llama3; });
  refuse(hybrid(), "kv_lora_rank 9: AMD's classes want a multiple of 8: convert again with --kv-rank",
         [&](auto& student) { mla(student).kv_rank = 9; });
  refuse(hybrid(), "keeps no attention layers", [&](auto& student) { student.mixers[0] = teacher.mixers[0]; });
  refuse(hybrid(), "plain Transformer", [&](auto& student) { student.format = Format::huggingface; });
  auto all = hybrid();
  all.mla_layers = "all";
  refuse(all, "differs: convert again with one --kv-rank", [&](auto& student) { mla(student).kv_rank = 16; });
  EXPECT_NO_THROW(amd_config(plan_student(teacher, student_options(all)), "folder"));
}

// Who learns only after weeks of training that a student cannot leave has lost them: the conversion says so at once,
// and what it advises is true.
TEST(ExportAmd, TheConversionSaysWhenThereIsNone) {
  const std::string scaled = R"("factor": 8.0, "original_max_position_embeddings": 32)";
  const std::string llama3 = R"({"rope_scaling": {"rope_type": "llama3", "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, )" +
                             scaled + "}}";
  const std::string yarn = R"({"rope_scaling": {"rope_type": "yarn", )" + scaled + "}}";
  for (const std::string& changes : {std::string("{}"), llama3, yarn}) {
    const ScratchFolder teacher, student, exported;
    write_teacher(teacher.path, changes);
    auto settings = hybrid();
    settings.rope_pairs = "0,1,2,3", settings.rope_dim = 8;
    auto report = convert(teacher.path, student.path, settings);
    const std::string reason = no_amd_export(report.student);
    EXPECT_EQ(reason.empty(), changes == "{}") << changes << reason;
    ConversionSummary summary;
    summary.teacher = teacher.path.string(), summary.report = report;
    EXPECT_EQ(conversion_table(summary).find("not to AMD's format") == std::string::npos, changes == "{}");
    EXPECT_EQ(conversion_card(summary).find("cannot be exported") == std::string::npos, changes == "{}");
    if (changes == "{}") continue;
    EXPECT_NE(reason.find("--init reference"), std::string::npos) << reason;
    EXPECT_EQ(conversion_json(summary)["amd_export"], reason);
    EXPECT_THROW(export_amd(student.path, exported.path), Error);
    settings.init = "reference", settings.rope_pairs = "";
    report = convert(teacher.path, student.path, settings);
    EXPECT_EQ(no_amd_export(report.student), "") << changes;
    EXPECT_NO_THROW(export_amd(student.path, exported.path)) << changes;
  }
}

}  // namespace
}  // namespace zebra
