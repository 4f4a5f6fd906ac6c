#pragma once
// What an MLA layer cannot express: the error that is left after a short training of the layer alone, on the teacher's
// inputs. The error before training misranks the divisions of a cache, since much of it is what training mends first.
#include "upcycle/conversion.h"

namespace zebra {

// A candidate for all layers that become MLA.
struct MlaDesign {
  int64_t kv_rank = 0, rope_dim = 0;
  FrequencyPairs pairs;
};

// `mla` with the widths of the design, for a parent with this head_dim; and with its frequencies, too.
MlaConfig with_widths(MlaConfig mla, const MlaDesign& design, const AttentionConfig& parent);
MlaConfig with_design(MlaConfig mla, const MlaDesign& design, const AttentionConfig& parent);

// Per design: mean over the layers that become MLA of |output - teacher's|^2 / |teacher's|^2 on held-out rows of
// request.calibration. One layer is in memory at a time.
std::vector<double> trained_errors(const ConversionRequest& request, const std::vector<MlaDesign>& designs);

}  // namespace zebra
