// Flags of `zebra convert` that would change nothing beside the others: better refused than dropped after a calibration
// of minutes.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "upcycle/inherited.h"
#include "upcycle/mamba2_start.h"

namespace zebra {

namespace {

using Flags = std::vector<Start::GivenFlag>;

// The first that is given: what it belongs to.
void refuse(const Flags& flags, const std::string& why) {
  for (const auto& flag : flags) {
    if (flag.given) fail_usage(flag.name, ": ", why);
  }
}

// The kinds of mixers that layers become.
std::set<const Start*> made_kinds(const ModelConfig& teacher, const ModelConfig& student) {
  std::set<const Start*> made;
  for (int64_t layer = 0; layer < student.layers(); ++layer) {
    const MixerConfig& mixer = student.mixers[static_cast<size_t>(layer)];
    if (attention_in(teacher, layer) && mixer->converted()) made.insert(&start_of(mixer->kind()));
  }
  return made;
}

// The layers that become Mamba2 when no others than those named do.
void check_mamba2_layers(const ConvertSettings& settings, const ModelConfig& teacher, const ModelConfig& student) {
  if (settings.mamba2_layers == "none" || settings.rest == "attention") return;
  const auto named = parse_layers(settings.mamba2_layers, teacher.layers(), "--mamba2-layers");
  for (int64_t layer = 0; layer < student.layers(); ++layer) {
    const MixerConfig& mixer = student.mixers[static_cast<size_t>(layer)];
    const bool made = attention_in(teacher, layer) && mixer->converted() && &start_of(mixer->kind()) == &mamba2_start();
    if (!made || std::count(named.begin(), named.end(), layer)) continue;
    fail_usage("--mamba2-layers ", settings.mamba2_layers, ": layer ", layer,
               " would become Mamba2 as well, since --rest is mamba2; add --rest attention to keep the others");
  }
}

}  // namespace

void refuse_unused_flags(const ConvertSettings& s, const ModelConfig& teacher, const ModelConfig& student) {
  const StudentOptions options = student_options(s);
  const auto made = made_kinds(teacher, student);
  for (const Start* start : starts()) {
    if (!made.count(start)) refuse(start->own_flags(s), start->when_none());
  }
  check_mamba2_layers(s, teacher, student);
  refuse({{"--rank-energy", s.rank_energy != ConvertSettings{}.rank_energy && s.rank != "energy"}},
         "belongs to --rank energy; add that or leave it out");
  const bool measures =
      std::any_of(made.begin(), made.end(), [&](const Start* start) { return !start->is_reference(options); });
  if (!measures && s.calibration.empty()) {
    refuse({{"--calibration-tokens", s.calibration_tokens != 0}, {"--statistics", !s.statistics.empty()}},
           "the reference initialisation measures nothing; leave it out or give --calibration");
  }
  const bool file = !s.calibration.empty() && s.calibration != "sample" && s.calibration != "random";
  refuse({{"--bos", !s.bos && !file}}, "belongs to a --calibration FILE, whose documents it is about");
  const RefitPlan refit = refit_of(options.refit, student);
  const bool refits = std::any_of(made.begin(), made.end(), [&](const Start* start) { return start->refits(refit); });
  refuse({{"--refit-on", s.refit_on != ConvertSettings{}.refit_on && !refits}},
         "no output projection is refitted here; add --refit all or leave it out");
}

}  // namespace zebra
