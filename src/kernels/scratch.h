#pragma once
#include <cstddef>
#include <cstdint>

namespace zebra::kernels {

// Working memory of the calling thread, aligned to 64 bytes; the next call may move it.
void* thread_scratch_bytes(size_t bytes);

template <class T>
T* thread_scratch(int64_t count) {
  return static_cast<T*>(thread_scratch_bytes(static_cast<size_t>(count) * sizeof(T)));
}

}  // namespace zebra::kernels
