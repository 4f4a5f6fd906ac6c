#pragma once
// Layer by layer (train/layer_loss.h), of one student or of several that learn from the same pass over their teacher:
// for Zebra-Llama an all-MLA and an all-Mamba2 one, between whose layers select then chooses.
#include <string>
#include <vector>

#include "train/distill.h"

namespace zebra {

// The runs of `--student A,B --out OA,OB`: one each, of the same settings otherwise. Error(usage) where that does not
// go together, or where the loss is not of layers.
std::vector<DistillOptions> each_student(const DistillOptions& options);

// Writes every OUT: each holds, to the bit (on a CPU), what a run of its student alone writes, and such a run can go on
// with the checkpoint of this one.
std::vector<DistillResult> distill_layers(std::vector<DistillOptions> each, bool overwrite, bool resume,
                                          const std::string& command);

}  // namespace zebra
