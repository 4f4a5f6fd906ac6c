#include "cli/select_students.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cli/child.h"
#include "model/checkpoint.h"
#include "model/describe.h"
#include "upcycle/inherited.h"
#include "upcycle/plan.h"

namespace zebra::cli {

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

void check_transformer(const ModelConfig& teacher, const std::string& what) {
  for (const int64_t layer : inherited_layers(teacher)) {
    fail_input("the teacher's layer ", layer, ": expected attention, found ",
               mixer_kind(teacher.mixers[static_cast<size_t>(layer)]), "; ", what,
               " starts from a Transformer, not from a hybrid");
  }
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

Students<ModelConfig> plan_students(const ModelConfig& teacher, const Latents& latents, bool rest_is_mla) {
  check_transformer(teacher, "select");
  std::vector<ModelConfig> mla;
  StudentOptions options;
  const ModelConfig mamba2 = plan_student(teacher, options);
  options.mla_layers = "all";
  options.rope_dim = latents.rope_dim;
  for (const int64_t rank : latents.kv_ranks) {
    options.kv_rank = rank;
    mla.push_back(plan_student(teacher, options));
  }
  return rest_is_mla ? with_smallest_as_rest(std::move(mla)) : Students<ModelConfig>{mamba2, std::move(mla)};
}

Students<std::string> make_students(const std::string& teacher, const StudentFolders& given, const Latents& latents,
                                    bool rest_is_mla, const fs::path& folder, const std::vector<std::string>& how) {
  StudentFolders out = given;
  const auto convert = [&](const std::string& name, std::vector<std::string> words) {
    const std::string to = (folder / name).string();
    words.insert(words.begin(), {"convert", teacher, "--out", to, "--overwrite", "--json"});
    words.insert(words.end(), how.begin(), how.end());
    run_verb(words);
    return to;
  };
  fs::create_directories(folder);
  fs::remove(folder / kStatisticsName);  // of an earlier start, which may have measured on another text
  if (out.mamba2.empty() && !rest_is_mla) out.mamba2 = convert("mamba2", {"--mla-layers", "none"});
  if (out.mla.empty()) {
    for (const int64_t rank : latents.kv_ranks) {
      out.mla.push_back(convert(cat("mla-", rank), {"--mla-layers", "all", "--kv-rank", std::to_string(rank),
                                                    "--rope-dim", std::to_string(latents.rope_dim)}));
    }
  }
  return rest_is_mla ? with_smallest_as_rest(out.mla) : Students<std::string>{out.mamba2, out.mla};
}

}  // namespace zebra::cli
