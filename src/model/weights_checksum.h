#pragma once
// Whether a folder still holds the weights that it held.
#include <cstdint>

#include "model/checkpoint.h"

namespace zebra {

// CRC-32C of names and bytes as they are stored, in the order of the names; one tensor is in memory at a time.
int64_t weights_checksum(const WeightSource& source);

}  // namespace zebra
