// `--init reference` against the weights that AMD's own code computes.
#include <gtest/gtest.h>

#include "io/safetensors.h"
#include "support/scratch.h"
#include "upcycle/conversion.h"

namespace zebra {
namespace {

const fs::path kGolden = "../shared/golden";

struct Golden {
  const char *name, *base, *mla_layers;
  bool lora_norm;
};

at::Tensor read(const SafetensorsFile& file, const std::string& name) {
  const TensorView view = file.tensors().at(name);
  return at::from_blob(const_cast<unsigned char*>(view.data), view.shape, at::kFloat).clone();
}

class ReferenceGolden : public ::testing::TestWithParam<Golden> {};
INSTANTIATE_TEST_SUITE_P(Amd, ReferenceGolden,
                         ::testing::Values(Golden{"zebra", "llama-gqa", "0,2", false},
                                           Golden{"zebra-tied-norm", "llama3-tied", "1,3", true},
                                           Golden{"xecomla", "llama-gqa", "all", false}),
                         [](const auto& info) { return std::string(1, 'f') + std::to_string(info.index); });

TEST_P(ReferenceGolden, SameWeights) {
  const auto& golden = GetParam();
  if (!fs::exists(kGolden / golden.name)) GTEST_SKIP() << kGolden << " is not here";
  ConvertSettings settings;
  settings.mla_layers = golden.mla_layers;
  settings.kv_rank = 16, settings.q_rank = "48", settings.rope_dim = 4, settings.nope_dim = 4, settings.v_dim = 8;
  settings.init = "reference", settings.lora_norm = golden.lora_norm;
  const auto teacher = read_config(kGolden / golden.base);
  const auto source = WeightSource::open(kGolden / golden.base);
  ConversionRequest request{*source, teacher, plan_student(teacher, student_options(settings))};
  request.mla = parse_mla_ideas("reference", ""), request.mamba2 = parse_mamba2_ideas("reference", "");
  std::map<std::string, at::Tensor> made;
  run_conversion(request, [&](const std::string& name, const at::Tensor& value) { made[name] = value.clone(); });

  const SafetensorsFile expected(kGolden / golden.name / "expected_init.safetensors");
  const auto difference = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
  int compared = 0;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto want = [&](const std::string& name) { return read(expected, "init." + prefix + name); };
    const auto have = [&](const std::string& name) { return made.at(prefix + name); };
    if (request.student.mixers[static_cast<size_t>(layer)].is<MlaConfig>()) {
      // The signs of singular vectors are free: products are compared.
      const auto query = [&](const auto& get) {
        return at::matmul(get("mla.q_b_proj.weight"), get("mla.q_a_proj.weight"));
      };
      const auto latent = [&](const auto& get) {
        return at::matmul(get("mla.kv_b_proj.weight"), get("mla.kv_a_proj_with_mqa.weight").narrow(0, 0, 16));
      };
      EXPECT_LT(difference(query(have), query(want)), 1e-5) << prefix;
      EXPECT_LT(difference(latent(have), latent(want)), 1e-5) << prefix;
      EXPECT_LT(difference(have("mla.kv_a_proj_with_mqa.weight").narrow(0, 16, 4),
                           want("mla.kv_a_proj_with_mqa.weight").narrow(0, 16, 4)),
                1e-6);
      EXPECT_TRUE(have("mla.out_proj.weight").equal(want("mla.out_proj.weight")));
      if (golden.lora_norm) {
        EXPECT_TRUE(have("mla.kv_a_layernorm.weight").equal(want("mla.kv_a_layernorm.weight")));
        EXPECT_TRUE(have("mla.q_a_layernorm.weight").equal(want("mla.q_a_layernorm.weight")));
      }
    } else {
      const auto rows = have("mamba.in_proj.weight"), expected_rows = want("mamba.in_proj.weight");
      ASSERT_EQ(rows.sizes(), expected_rows.sizes());
      EXPECT_TRUE(rows.narrow(0, 64, 128).equal(expected_rows.narrow(0, 64, 128))) << prefix;  // x, B, C
      EXPECT_TRUE(have("mamba.out_proj.weight").equal(want("mamba.out_proj.weight")));
    }
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

}  // namespace
}  // namespace zebra
