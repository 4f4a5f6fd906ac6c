#pragma once
// The MLA layer that the flags of a conversion ask for.
#include "upcycle/plan.h"

namespace zebra {

// In place of `parent`; it carries the parent's first rope_dim / 2 frequencies until they are chosen. Error(usage)
// names the flag that does not fit.
MlaConfig mla_shape(const StudentOptions& options, const AttentionConfig& parent, Format format, int64_t layer);

}  // namespace zebra
