#pragma once
// Copies of rows of a state: what several continuations of one context start from.
#include <optional>
#include <vector>

#include "model/model.h"

namespace zebra {

// Row i of the result is row rows[i] of `state`. Nothing if a layer's state is of a kind that is not known here.
std::optional<ModelState> fork_rows(const ModelState& state, const std::vector<int64_t>& rows);

}  // namespace zebra
