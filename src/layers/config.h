#pragma once
// The configurations of all kinds of mixers, and of a layer that has any of them.
#include "layers/mamba2_config.h"
#include "layers/mixer_config.h"
#include "layers/mla_config.h"
