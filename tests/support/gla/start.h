#pragma once
#include "upcycle/start.h"

namespace zebra {

// Queries, keys, values and the output are the teacher's without their rotation; the gate forgets slowly.
const Start& gla_start();

}  // namespace zebra
