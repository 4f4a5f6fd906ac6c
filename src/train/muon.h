#pragma once
// Muon (Jordan et al. 2024): the step of a matrix is its momentum with all singular values set near 1.
#include <ATen/ATen.h>

namespace zebra {

// Of each [R, C] in x [.., R, C], the nearest semi-orthogonal matrix, roughly: singular values end between 0.6 and 1.3.
// Newton-Schulz with the quintic that its authors chose; a zero matrix stays zero.
at::Tensor orthogonalise(const at::Tensor& x, int64_t iterations = 5);

}  // namespace zebra
