#include "cli/select_students.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/child.h"
#include "model/describe.h"
#include "upcycle/plan.h"

namespace zebra::cli {

Latents default_latents(Latents latents, const ModelConfig& teacher) {
  const AttentionConfig attention = base_attention(teacher);
  if (latents.kv_ranks.empty()) {
    latents.kv_ranks = {std::max<int64_t>(1, attention.kv_heads * attention.head_dim / 4)};
  }
  if (latents.rope_dim == 0) latents.rope_dim = std::max<int64_t>(2, attention.head_dim / 4 * 2);
  return latents;
}

void check_transformer(const ModelConfig& teacher, const std::string& what) {
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const MixerConfig& mixer = teacher.mixers[static_cast<size_t>(layer)];
    if (std::holds_alternative<AttentionConfig>(mixer)) continue;
    fail_input("the teacher's layer ", layer, ": expected attention, found ", mixer_kind(mixer), "; ", what,
               " starts from a Transformer, not from a hybrid");
  }
}

StudentPair plan_students(const ModelConfig& teacher, const Latents& latents) {
  check_transformer(teacher, "select");
  StudentPair out;
  StudentOptions options;
  out.mamba2 = plan_student(teacher, options);
  options.mla_layers = "all";
  options.rope_dim = latents.rope_dim;
  for (const int64_t rank : latents.kv_ranks) {
    options.kv_rank = rank;
    out.mla.push_back(plan_student(teacher, options));
  }
  return out;
}

StudentFolders make_students(const std::string& teacher, const StudentFolders& given, const Latents& latents,
                             const fs::path& folder, const std::vector<std::string>& how) {
  StudentFolders out = given;
  const auto convert = [&](const std::string& name, std::vector<std::string> words) {
    const std::string to = (folder / name).string();
    words.insert(words.begin(), {"convert", teacher, "--out", to, "--overwrite", "--json"});
    words.insert(words.end(), how.begin(), how.end());
    run_verb(words);
    return to;
  };
  fs::create_directories(folder);
  if (out.mamba2.empty()) out.mamba2 = convert("mamba2", {"--mla-layers", "none"});
  if (out.mla.empty()) {
    for (const int64_t rank : latents.kv_ranks) {
      out.mla.push_back(convert(cat("mla-", rank), {"--mla-layers", "all", "--kv-rank", std::to_string(rank),
                                                    "--rope-dim", std::to_string(latents.rope_dim)}));
    }
  }
  return out;
}

}  // namespace zebra::cli
