#pragma once
#include "upcycle/start.h"

namespace zebra {

const Start& mamba2_start();

}  // namespace zebra
