#include "select/students.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "model/checkpoint.h"
#include "select/restore_one.h"
#include "upcycle/inherited.h"
#include "upcycle/plan.h"

namespace zebra {

Latents default_latents(Latents latents, const ModelConfig& teacher) {
  const AttentionConfig attention = base_attention(teacher);
  if (latents.kv_ranks.empty()) {
    latents.kv_ranks = {std::max<int64_t>(1, attention.kv_heads * attention.head_dim / 4)};
  }
  const std::set<int64_t> different(latents.kv_ranks.begin(), latents.kv_ranks.end());
  if (different.size() < latents.kv_ranks.size()) {
    fail_usage("--kv-rank: expected different ranks, found ", list_text(latents.kv_ranks));
  }
  if (latents.rope_dim == 0) latents.rope_dim = std::max<int64_t>(2, attention.head_dim / 4 * 2);
  return latents;
}

namespace {

// The index of the smallest cache; of equal ones the first.
size_t smallest(const std::vector<ModelConfig>& mla) {
  const auto cache = [](const ModelConfig& config) { return cache_cost(config).percent(); };
  return static_cast<size_t>(
      std::min_element(mla.begin(), mla.end(), [&](const auto& a, const auto& b) { return cache(a) < cache(b); }) -
      mla.begin());
}

template <class Student>
Students<Student> split(std::vector<Student> mla, size_t rest) {
  Students<Student> out{mla[rest], {}};
  mla.erase(mla.begin() + static_cast<std::ptrdiff_t>(rest));
  out.mla = std::move(mla);
  return out;
}

}  // namespace

Students<ModelConfig> with_smallest_as_rest(std::vector<ModelConfig> mla) {
  const size_t rest = smallest(mla);
  return split(std::move(mla), rest);
}

Students<std::string> with_smallest_as_rest(const std::vector<std::string>& mla) {
  std::vector<ModelConfig> configs;
  for (const auto& folder : mla) configs.push_back(read_config(folder));
  return split(mla, smallest(configs));
}

Students<ModelConfig> plan_students(const ModelConfig& teacher, const StudentFolders& given, const Latents& latents,
                                    bool rest_is_mla, const std::function<ModelConfig(const std::string&)>& read) {
  const bool makes_mamba2 = given.makes_mamba2(rest_is_mla), makes_mla = given.mla.empty();
  if (makes_mamba2 || makes_mla) check_transformer(teacher, "select");
  std::vector<ModelConfig> mla;
  for (const auto& folder : given.mla) {
    mla.push_back(read(folder));
    check_pair(mla.front(), mla.back(), folder);
  }
  StudentOptions options;
  const ModelConfig mamba2 = makes_mamba2  ? plan_student(teacher, options)
                             : rest_is_mla ? ModelConfig()
                                           : read(given.mamba2);
  options.mla_layers = "all";
  options.rope_dim = latents.rope_dim;
  for (size_t i = 0; makes_mla && i < latents.kv_ranks.size(); ++i) {
    options.kv_rank = latents.kv_ranks[i];
    mla.push_back(plan_student(teacher, options));
  }
  if (rest_is_mla) return with_smallest_as_rest(std::move(mla));
  check_pair(mamba2, mla.front(), makes_mla ? "the MLA student that select makes" : given.mla.front());
  return {mamba2, std::move(mla)};
}

}  // namespace zebra
