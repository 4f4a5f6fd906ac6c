// Flags of `zebra convert` that would change nothing beside the others: better refused than dropped after a calibration
// of minutes.
#include <algorithm>

#include "base/error.h"
#include "upcycle/plan.h"

namespace zebra {

namespace {

struct Flag {
  const char* name;
  bool given;
};

// The first that is given: what it belongs to.
void refuse(const std::vector<Flag>& flags, const std::string& why) {
  for (const auto& flag : flags) {
    if (flag.given) fail_usage(flag.name, ": ", why);
  }
}

template <class Kind>
bool makes(const ModelConfig& teacher, const ModelConfig& student) {
  for (size_t layer = 0; layer < student.mixers.size(); ++layer) {
    const bool anew = teacher.mixers[layer].is<AttentionConfig>();
    if (anew && student.mixers[layer].is<Kind>()) return true;
  }
  return false;
}

// The layers that become Mamba2 when no others than those named do.
void check_mamba2_layers(const ConvertSettings& settings, const ModelConfig& teacher, const ModelConfig& student) {
  if (settings.mamba2_layers == "none" || settings.rest == "attention") return;
  const auto named = parse_layers(settings.mamba2_layers, teacher.layers(), "--mamba2-layers");
  for (int64_t layer = 0; layer < student.layers(); ++layer) {
    const auto index = static_cast<size_t>(layer);
    const bool made = teacher.mixers[index].is<AttentionConfig>() && student.mixers[index].is<Mamba2Config>();
    if (!made || std::count(named.begin(), named.end(), layer)) continue;
    fail_usage("--mamba2-layers ", settings.mamba2_layers, ": layer ", layer,
               " would become Mamba2 as well, since --rest is mamba2; add --rest attention to keep the others");
  }
}

}  // namespace

void refuse_unused_flags(const ConvertSettings& s, const ModelConfig& teacher, const ModelConfig& student) {
  const StudentOptions options = student_options(s);
  const bool mla = makes<MlaConfig>(teacher, student), mamba2 = makes<Mamba2Config>(teacher, student);
  if (!mla) {
    refuse({{"--kv-rank", s.kv_rank != 0},
            {"--kv-ranks", !s.kv_ranks.empty()},
            {"--rope-dim", s.rope_dim != 0},
            {"--rope-dims", !s.rope_dims.empty()},
            {"--rope-pairs", !s.rope_pairs.empty()},
            {"--nope-dim", s.nope_dim != -1},
            {"--v-dim", s.v_dim != -1},
            {"--q-rank", !s.q_rank.empty()},
            {"--mla-init", !s.mla_init.empty()},
            {"--split", s.split != "fixed"},
            {"--rank", s.rank != "fixed"},
            {"--full-kv-head", s.full_kv_head},
            {"--lora-norm", s.lora_norm},
            {"--refit mla", s.refit == "mla"}},
           "no layer becomes MLA; name some with --mla-layers (1,3 or all)");
  }
  if (!mamba2) {
    refuse({{"--mamba2-init", !s.mamba2_init.empty()},
            {"--repeat-kv-before-conv", s.repeat_kv_before_conv},
            {"--refit mamba2", s.refit == "mamba2"}},
           "no layer becomes Mamba2; leave it out, or name fewer --mla-layers");
  }
  check_mamba2_layers(s, teacher, student);
  refuse({{"--rank-energy", s.rank_energy != ConvertSettings{}.rank_energy && s.rank != "energy"}},
         "belongs to --rank energy; add that or leave it out");
  const bool measures = (mla && !options.mla.reference) || (mamba2 && !options.mamba2.reference);
  if (!measures && s.calibration.empty()) {
    refuse({{"--calibration-tokens", s.calibration_tokens != 0}, {"--statistics", !s.statistics.empty()}},
           "the reference initialisation measures nothing; leave it out or give --calibration");
  }
  const bool file = !s.calibration.empty() && s.calibration != "sample" && s.calibration != "random";
  refuse({{"--bos", !s.bos && !file}}, "belongs to a --calibration FILE, whose documents it is about");
  const RefitPlan refit = refit_of(options.refit, student);
  const bool refits = (mla && refit.mla) || (mamba2 && refit.mamba2);
  refuse({{"--refit-on", s.refit_on != ConvertSettings{}.refit_on && !refits}},
         "no output projection is refitted here; add --refit all or leave it out");
}

}  // namespace zebra
