#include "train/run_checks.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "io/crc32c.h"
#include "model/architecture.h"
#include "tokenizer/tokenizer.h"

namespace zebra {

namespace {

// Four lanes of 64-bit words, each step one-to-one in the lane and in the word: as fast as memory, in order, and a
// single changed word always changes it.
uint64_t hash(uint64_t seed, std::string_view bytes) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15ull;
  std::array<uint64_t, 4> lanes = {seed, seed + 1, seed + 2, seed + 3};
  const auto mix = [](uint64_t lane, uint64_t word) { return std::rotl((lane ^ word) * kOdd, 31); };
  size_t at = 0;
  for (; at + sizeof lanes <= bytes.size(); at += sizeof lanes) {
    std::array<uint64_t, 4> words;
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    for (size_t i = 0; i < lanes.size(); ++i) lanes[i] = mix(lanes[i], words[i]);
  }
  for (; at < bytes.size(); ++at) lanes[0] = mix(lanes[0], static_cast<unsigned char>(bytes[at]));
  uint64_t out = mix(seed, bytes.size());
  for (const uint64_t lane : lanes) out = mix(out, lane);
  return out ^ (out >> 32);
}

}  // namespace

void check_same_vocabulary(const fs::path& student, const ModelConfig& student_config, const fs::path& teacher,
                           const ModelConfig& teacher_config) {
  if (teacher_config.vocab != student_config.vocab) {
    fail_input(student.string(), ": vocab_size: expected the teacher's ", teacher_config.vocab, ", found ",
               student_config.vocab, "; distillation needs one vocabulary");
  }
  const fs::path ours = student / "tokenizer.json", theirs = teacher / "tokenizer.json";
  if (!fs::exists(ours) || !fs::exists(theirs) || read_file(ours) == read_file(theirs)) return;
  const Tokenizer a = Tokenizer::load(student), b = Tokenizer::load(teacher);
  for (int64_t id = 0; id < std::min(a.vocab_size(), b.vocab_size()); ++id) {
    if (a.token(id) != b.token(id)) {
      fail_input(ours.string(), ": token ", id, ": expected the teacher's \"", b.token(id), "\", found \"", a.token(id),
                 "\"; distillation needs one vocabulary");
    }
  }
}

int64_t checksum(Model& model) {
  c10::NoGradGuard no_grad;
  uint64_t sum = 0;
  model.parameters([&](const std::string& name, at::Tensor& value) {
    sum = hash(sum, name);
    const at::Tensor here = value.detach().to(at::kCPU).contiguous();
    sum = hash(sum, {static_cast<const char*>(here.const_data_ptr()), here.nbytes()});
  });
  return static_cast<int64_t>(sum);
}

std::shared_future<int64_t> begin_checksum(Model& model) {
  return std::async(std::launch::async, [&model] { return checksum(model); });
}

int64_t checksum(const ModelConfig& config) {
  return crc32c(architecture_json(config).dump());
}

std::string text_content(const std::vector<int32_t>& ids) {
  const std::string_view bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t));
  return cat(ids.size(), " tokens, crc32c ", crc32c(bytes));
}

Json file_checksums(const std::vector<std::string>& files) {
  Json sums = Json::array();
  for (const auto& name : files) {
    if (name == "sample") continue;
    const MappedFile file(name);
    sums.push_back(crc32c({reinterpret_cast<const char*>(file.data()), file.size()}));
  }
  return sums;
}

}  // namespace zebra
