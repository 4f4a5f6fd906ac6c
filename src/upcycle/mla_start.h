#pragma once
#include "upcycle/start.h"

namespace zebra {

const Start& mla_start();

// Whether that layer becomes MLA: not where the teacher has it already.
bool becomes_mla(const ConversionRequest& request, int64_t layer);

}  // namespace zebra
