#pragma once
// What the checks and timings of the CUDA kernels share: device memory, random values, errors, times, results.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace zebra::cuda_check {

inline void must(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(2);  // after such an error the device answers nothing more
}

// Memory of the device, as an array of T.
template <class T>
class Device {
 public:
  explicit Device(size_t count) : count_(count) {
    must(cudaMalloc(&data_, std::max<size_t>(1, count) * sizeof(T)), "malloc");
  }
  explicit Device(const std::vector<T>& from) : Device(from.size()) { write(from); }
  ~Device() { cudaFree(data_); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  T* get() const { return static_cast<T*>(data_); }
  size_t size() const { return count_; }
  void write(const std::vector<T>& from) {
    must(cudaMemcpy(data_, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice), "copy to the device");
  }
  std::vector<T> read() const {
    std::vector<T> to(count_);
    must(cudaMemcpy(to.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), "copy from the device");
    return to;
  }
  void fill_bytes(int byte) { must(cudaMemset(data_, byte, count_ * sizeof(T)), "memset"); }  // 0xff: NaN everywhere

 private:
  void* data_ = nullptr;
  size_t count_;
};

// bf16 as the bits it is stored in.
using Bf16 = uint16_t;
inline float widen(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float y;
  std::memcpy(&y, &bits, 4);
  return y;
}
inline Bf16 narrow(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<Bf16>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
constexpr Bf16 kNan = 0x7fff;

// Random values on host and device, from a counter: mean 0, variance 1, within +-1.74.
struct Random {
  uint64_t state;
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint32_t bits() {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u, z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return static_cast<uint32_t>(z >> 32);
  }
  float value() { return (static_cast<float>(bits()) * 0x1p-31f - 1) * 1.73f; }
  int below(int limit) { return static_cast<int>(static_cast<uint64_t>(bits()) * limit >> 32); }
};
void fill_random(Bf16* to, size_t count, uint64_t seed);
void fill_random(float* to, size_t count, uint64_t seed);

// |out - expected| / |expected|; NaN where any value is.
struct Error {
  double difference = 0, norm = 0;
  void add(double out, double expected) {
    difference += (out - expected) * (out - expected), norm += expected * expected;
  }
  double relative() const { return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference); }
};

inline void in_parallel(int count, const std::function<void(int)>& call) {
  const int threads = std::max(1, std::min<int>(count, static_cast<int>(std::thread::hardware_concurrency())));
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (int i = t; i < count; i += threads) call(i);
    });
  }
  for (auto& thread : all) thread.join();
}

// Milliseconds of one call: `calls` of them, call i of which gets i, are captured into a graph, so that the host's time
// for a launch is not seen; the median over `regions` replays.
double time_ms(const std::function<void(int, cudaStream_t)>& call, int calls = 10, int regions = 9);

// Lines of results, printed as they come and written as JSON at the end.
class Results {
 public:
  void check(const std::string& name, double error, double limit);
  void fact(const std::string& name, bool holds);
  // bytes: that must be moved. Prints GB/s beside the copy's.
  void timing(const std::string& name, double ms, double bytes);
  void line(const std::string& name, const std::string& json);
  int failures = 0, checks = 0;
  double copy = 0;  // measured bytes a second, read and written
  bool write(const std::string& path) const;
  std::string only;  // names must hold it
  bool wanted(const std::string& name) const { return name.find(only) != std::string::npos; }

 private:
  std::vector<std::string> lines_;
};

// A kernel's checks and timings register themselves: one file a kernel, with one object of this at its end. `--only`
// chooses by name.
struct Suite {
  Suite(const char* name, void (*check)(Results&, bool quick), void (*time)(Results&));
};

}  // namespace zebra::cuda_check
