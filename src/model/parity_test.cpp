// Checkpoints with known logits: our own tiny ones (tests/golden, made by make_goldens.py) and, where they lie beside
// the checkout, larger collections. In one pass, and again in chunks and single steps.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cstring>

#include "io/safetensors.h"
#include "model/checkpoint.h"
#include "model/static_batch.h"

namespace zebra {
namespace {

// Of logits up to 20; transformers itself moves by some 1e-5 with the number of threads.
constexpr double kTolerance = 1e-4;

at::Tensor read(const fs::path& path, const std::string& name, at::ScalarType type) {
  const SafetensorsFile file(path);
  const TensorView view = file.tensors().at(name);
  at::Tensor value = at::empty(view.shape, type);
  EXPECT_EQ(value.nbytes(), view.bytes);
  std::memcpy(value.mutable_data_ptr(), view.data, view.bytes);
  return value;
}

std::vector<fs::path> folders(const fs::path& root) {
  std::vector<fs::path> found;
  if (!fs::is_directory(root)) return found;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "expected.safetensors") && fs::exists(entry.path() / "config.json")) {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_LE((found - expected).abs().max().item<double>(), kTolerance) << what;
}

void check(const fs::path& folder) {
  SCOPED_TRACE(folder.string());
  const Model model = load_model(folder);
  const at::Tensor ids = read(folder / "expected.safetensors", "input_ids", at::kLong);
  const at::Tensor expected = read(folder / "expected.safetensors", "logits", at::kFloat);
  const c10::InferenceMode inference;
  expect_close(model.logits(model.hidden(ids)), expected, "one pass");

  const int64_t length = ids.size(1);
  StaticBatch batch(model, ids.size(0), length);
  std::vector<at::Tensor> parts;
  int64_t start = 0;
  for (const int64_t size : {length / 2, int64_t{3}}) {
    parts.push_back(model.logits(batch.extend(ids.narrow(1, start, size))));
    start += size;
  }
  for (; start < length; ++start) parts.push_back(model.logits(batch.extend(ids.narrow(1, start, 1))));
  expect_close(at::cat(parts, 1), expected, "chunks and steps");

  StaticBatch single(model, 1, length);
  parts.clear();
  for (int64_t t = 0; t < length; ++t) {
    parts.push_back(model.logits(single.extend(ids.narrow(0, 0, 1).narrow(1, t, 1))));
  }
  expect_close(at::cat(parts, 1), expected.narrow(0, 0, 1), "one row, steps from the first token");
}

TEST(Parity, OwnGoldens) {
  const auto own = folders("tests/golden");
  ASSERT_GE(own.size(), 10u);
  for (const fs::path& folder : own) check(folder);
}

TEST(Parity, SharedGoldens) {
  std::vector<fs::path> all;
  for (const char* root : {"../shared/golden", "../shared/models"}) {
    for (const fs::path& folder : folders(root)) all.push_back(folder);
  }
  if (all.empty()) GTEST_SKIP() << "../shared/golden is not here";
  for (const fs::path& folder : all) check(folder);
}

// ZEBRA_PARITY=DIR compares every checkpoint folder inside DIR that has an expected.safetensors.
TEST(Parity, FoldersOfTheEnvironment) {
  const char* root = std::getenv("ZEBRA_PARITY");
  if (root == nullptr) GTEST_SKIP() << "ZEBRA_PARITY is not set";
  const auto all = folders(root);
  ASSERT_FALSE(all.empty()) << root;
  for (const fs::path& folder : all) check(folder);
}

}  // namespace
}  // namespace zebra
