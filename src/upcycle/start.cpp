#include "upcycle/start.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

void refuse_output_bias(int64_t layer, const char* what) {
  fail_usage("the teacher's layer ", layer, " has a bias on its output projection, for which ", what,
             " layer has no place; keep it with --rest attention");
}

void refuse_unknown_to_reference(const AttentionConfig& parent, const char* flag) {
  if (!parent.qkv_bias && !parent.qk_norm) return;
  fail_usage(flag, " reference: AMD's initialisation knows no ",
             parent.qk_norm ? "norms of q and k" : "biases of q, k and v",
             ", which this teacher has; use refined or ideas");
}

const Start& start_of(std::string_view kind) {
  std::vector<std::string> kinds{AttentionConfig::kKind};
  for (const Start* start : starts()) {
    if (kind == start->kind()) return *start;
    kinds.push_back(start->kind());
  }
  fail_usage("--layers: expected kinds of mixers among ", join(kinds, ", "), ", found \"", kind, "\"");
}

}  // namespace zebra
