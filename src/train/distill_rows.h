#pragma once
// The rows of a distillation: those it learns from, and a few that it never sees and is measured on.
#include <functional>
#include <optional>

#include "train/distill.h"
#include "train/teacher_rows.h"

namespace zebra {

struct DistillationRows {
  TeacherRows train;
  std::optional<TeacherRows> held_out;  // options.held_out different ones
};

// Of options that are prepared. A number of held-out rows that nobody gave (-1) is filled in: one of 200 rows of the
// run, 4 at least and 64 at most; of files at most a tenth of their rows, and none where they have fewer than 4.
DistillationRows distillation_rows(DistillOptions& options, const Model& teacher);

// The mean over the held-out rows of what `loss` says of rows [first, first + rows), as many as a pass takes, without
// gradient.
double mean_over_rows(const DistillOptions& options,
                      const std::function<at::Tensor(int64_t first, int64_t rows)>& loss);

}  // namespace zebra
