#pragma once
// Hidden states of the calibration rows in teacher and student, advanced layer by layer.
// N rows, L length, D hidden, E width before the output projection.
#include <functional>

#include "layers/block.h"
#include "upcycle/calibration.h"

namespace zebra {

class Streams {
 public:
  Streams(const Calibration& calibration, const at::Tensor& embedding, at::Device device);

  // Calls each(first row, rows) so that a call sees about kBatchTokens tokens. `fitted` leaves out held-out rows.
  void batches(bool fitted, const std::function<void(int64_t first, int64_t rows)>& each) const;

  // The normalised input of the layer's mixer, as the teacher or the student sees it.
  at::Tensor teacher_input(const Block& block, int64_t first, int64_t rows) const;
  at::Tensor student_input(const Block& block, int64_t first, int64_t rows) const;
  // What the student's mixer should add so that both streams agree after it.
  at::Tensor wanted(const at::Tensor& teacher_output, int64_t first, int64_t rows) const;

  // Moves both streams behind the block. `student` null: the student keeps the teacher's mixer.
  // Returns |student - teacher|^2 / |teacher's mixer output|^2 behind the mixer, over held-out rows.
  double advance(const Block& block, const Mixer* student);

  // Final norm outputs of held-out rows: [T, D].
  std::pair<at::Tensor, at::Tensor> held_out(const RmsNorm& norm) const;

 private:
  at::Tensor teacher_, student_;  // [N, L, D] fp32; one tensor while the streams are equal
  int64_t fitted_;
};

}  // namespace zebra
