#pragma once
// What launchers ask of the current device.
#include <cuda_runtime.h>

namespace zebra::kernels {

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}
inline int compute_capability() {
  return device_attribute(cudaDevAttrComputeCapabilityMajor) * 10 + device_attribute(cudaDevAttrComputeCapabilityMinor);
}
// Bytes of shared memory that one block may have.
inline int shared_limit() {
  return device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}
inline int multiprocessors() {
  return device_attribute(cudaDevAttrMultiProcessorCount);
}

}  // namespace zebra::kernels
