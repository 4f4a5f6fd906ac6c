// Checks the CUDA kernels against plain loops in double precision, then times them beside the memory's speed.
// zebra_kernel_check [--check] [--quick] [--time] [--only WORD] [--json FILE]; without --check and --time both. Exit
// code 1 on a mismatch, 77 where there is no GPU.
#include "cuda/harness.h"

namespace zebra::cuda_check {

namespace {

__device__ uint32_t mixed(uint64_t seed, uint64_t i) {
  uint64_t z = (seed + 1) * 0x9e3779b97f4a7c15u + i * 0xd1342543de82ef95u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u, z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>(z >> 32);
}
template <class T>
__global__ void fill(T* to, size_t count, uint64_t seed) {
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < count; i += size_t{gridDim.x} * blockDim.x) {
    const float value = (static_cast<float>(mixed(seed, i)) * 0x1p-31f - 1) * 1.73f;
    if constexpr (sizeof(T) == 2) {
      to[i] = static_cast<Bf16>(__float_as_uint(value) + 0x8000 >> 16);
    } else {
      to[i] = value;
    }
  }
}
__global__ void read_all(const uint4* from, size_t count, uint32_t* to) {
  uint32_t sum = 0;
  const size_t step = size_t{gridDim.x} * blockDim.x;
  size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  for (; i + 7 * step < count; i += 8 * step) {
    uint4 value[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) value[j] = __ldcs(from + i + j * step);
#pragma unroll
    for (int j = 0; j < 8; ++j) sum ^= value[j].x ^ value[j].y ^ value[j].z ^ value[j].w;
  }
  if (sum == 0x12345678) *to = sum;
}

__global__ void copy_all(const uint4* from, size_t count, uint4* to) {
  const size_t step = size_t{gridDim.x} * blockDim.x;
  size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  for (; i + 3 * step < count; i += 4 * step) {
    uint4 value[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) value[j] = __ldcs(from + i + j * step);
#pragma unroll
    for (int j = 0; j < 4; ++j) __stcs(to + i + j * step, value[j]);
  }
  for (; i < count; i += step) to[i] = from[i];
}

__global__ void nothing() {}

struct Registered {
  std::string name;
  void (*check)(Results&, bool);
  void (*time)(Results&);
};
std::vector<Registered>& suites() {
  static std::vector<Registered> all;
  return all;
}

// What the memory does: the better of the runtime's copy and a plain one, and reading alone.
void time_memory(Results& results, int multiprocessors) {
  constexpr size_t kBytes = size_t{1} << 30, kCount = kBytes / sizeof(uint4);
  Device<uint4> from(kCount), to(kCount);
  fill_random(reinterpret_cast<float*>(from.get()), kBytes / 4, 7);
  const auto copy = [&](int, cudaStream_t stream) {
    must(cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice, stream), "copy");
  };
  const auto own_copy = [&](int, cudaStream_t stream) {
    copy_all<<<multiprocessors * 4, 512, 0, stream>>>(from.get(), kCount, to.get());
  };
  time_ms(own_copy, 50, 9);  // a card that was idle needs some tenths of a second to raise its clocks
  const double runtime = time_ms(copy), own = time_ms(own_copy);
  results.copy = 2.0 * kBytes / std::min(runtime, own) * 1e3;
  results.timing("copy by the runtime", runtime, 2.0 * kBytes);
  results.timing("copy by a kernel", own, 2.0 * kBytes);
  const double read = time_ms([&](int, cudaStream_t stream) {
    read_all<<<multiprocessors * 4, 512, 0, stream>>>(from.get(), kCount, reinterpret_cast<uint32_t*>(to.get()));
  });
  results.timing("read", read, kBytes);
  const auto launch = [](int, cudaStream_t stream) { nothing<<<132, 256, 0, stream>>>(); };
  results.timing("nothing, one kernel after another", time_ms(launch, 50), 0);
}

}  // namespace

Suite::Suite(const char* name, void (*check)(Results&, bool), void (*time)(Results&)) {
  suites().push_back({name, check, time});
}

void fill_random(Bf16* to, size_t count, uint64_t seed) {
  fill<<<1024, 256>>>(to, count, seed);
  must(cudaGetLastError(), "fill");
}
void fill_random(float* to, size_t count, uint64_t seed) {
  fill<<<1024, 256>>>(to, count, seed);
  must(cudaGetLastError(), "fill");
}

double time_ms(const std::function<void(int, cudaStream_t)>& call, int calls, int regions) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t program;
  cudaEvent_t begin, end;
  must(cudaDeviceSynchronize(), "before timing");
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  must(cudaEventCreate(&begin), "event");
  must(cudaEventCreate(&end), "event");
  call(0, stream);  // what happens once only
  must(cudaStreamSynchronize(stream), "first call");
  must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
  for (int i = 0; i < calls; ++i) call(i, stream);
  must(cudaStreamEndCapture(stream, &graph), "capture's end");
  must(cudaGraphInstantiate(&program, graph, 0), "graph");
  must(cudaGraphLaunch(program, stream), "warm-up");
  std::vector<float> times;
  for (int region = 0; region < regions; ++region) {
    must(cudaEventRecord(begin, stream), "record");
    must(cudaGraphLaunch(program, stream), "replay");
    must(cudaEventRecord(end, stream), "record");
    must(cudaEventSynchronize(end), "timing");
    float ms = 0;
    must(cudaEventElapsedTime(&ms, begin, end), "elapsed");
    times.push_back(ms / static_cast<float>(calls));
  }
  cudaGraphExecDestroy(program), cudaGraphDestroy(graph), cudaStreamDestroy(stream);
  cudaEventDestroy(begin), cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + regions / 2, times.end());
  return times[static_cast<size_t>(regions / 2)];
}

void Results::line(const std::string& name, const std::string& json) {
  lines_.push_back("{\"name\": \"" + name + "\", " + json + "}");
}
void Results::check(const std::string& name, double error, double limit) {
  const bool right = error <= limit;  // NaN is not
  ++checks, failures += !right;
  std::printf("%s  error %.2e of %.0e  %s\n", right ? "ok   " : "WRONG", error, limit, name.c_str());
  std::fflush(stdout);
  char text[128];
  std::snprintf(text, sizeof text, "\"error\": %.4g, \"limit\": %.3g, \"right\": %s", std::isfinite(error) ? error : -1,
                limit, right ? "true" : "false");
  line(name, text);
}
void Results::fact(const std::string& name, bool holds) {
  ++checks, failures += !holds;
  if (!holds) std::printf("WRONG  %s\n", name.c_str());
  line(name, holds ? "\"right\": true" : "\"right\": false");
}
void Results::timing(const std::string& name, double ms, double bytes) {
  const double rate = bytes / ms * 1e3;
  std::printf("%9.4f ms %6.0f GB/s %5.1f %% of copy  %s\n", ms, rate / 1e9, 100 * rate / copy, name.c_str());
  std::fflush(stdout);
  char text[160];
  std::snprintf(text, sizeof text, "\"ms\": %.5f, \"bytes\": %.0f, \"GB_per_s\": %.1f, \"of_copy\": %.4f", ms, bytes,
                rate / 1e9, rate / copy);
  line(name, text);
}
bool Results::write(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  std::fputs("[\n", file);
  for (size_t i = 0; i < lines_.size(); ++i)
    std::fprintf(file, "%s%s\n", lines_[i].c_str(), i + 1 < lines_.size() ? "," : "");
  std::fputs("]\n", file);
  return std::fclose(file) == 0;
}

}  // namespace zebra::cuda_check

int main(int argc, char** argv) {
  using namespace zebra::cuda_check;
  bool check = false, timing = false, quick = false;
  std::string json;
  Results results;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--check") {
      check = true;
    } else if (word == "--time") {
      timing = true;
    } else if (word == "--quick") {
      quick = true;
    } else if (word == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else if (word == "--only" && i + 1 < argc) {
      results.only = argv[++i];
    } else {
      std::fprintf(stderr, "usage: %s [--check] [--quick] [--time] [--only WORD] [--json FILE]\n", argv[0]);
      return 2;
    }
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no GPU: nothing was checked\n");
    return 77;
  }
  cudaDeviceProp device;
  must(cudaGetDeviceProperties(&device, 0), "properties");
  std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
  if (check || !timing) {
    for (const auto& suite : suites()) {
      if (results.wanted(suite.name)) suite.check(results, quick);
    }
    std::printf("%d checks, %d wrong\n", results.checks, results.failures);
  }
  if (timing || !check) {
    time_memory(results, device.multiProcessorCount);
    for (const auto& suite : suites()) {
      if (results.wanted(suite.name)) suite.time(results);
    }
  }
  if (!json.empty() && !results.write(json)) {
    std::fprintf(stderr, "%s: cannot be written\n", json.c_str());
    return 2;
  }
  return results.failures == 0 ? 0 : 1;
}
