#include <algorithm>
#include <vector>

#include "kernels/cuda/common/device.h"
#include "kernels/cuda/ssd_chunk/general.cuh"
#include "kernels/cuda/ssd_chunk/launch.h"

namespace zebra::kernels {

extern const SsdForm kSsd64Wgmma[], kSsd64Mma[], kSsd128Wgmma[], kSsd128Mma[];
extern const int kSsd64WgmmaCount, kSsd64MmaCount, kSsd128WgmmaCount, kSsd128MmaCount;

namespace {

// From what each segment adds to the state before it that state itself, in place. A thread has 4 values of a head.
__global__ void __launch_bounds__(256) join(const __grid_constant__ SsdChunk p) {
  const int64_t state = static_cast<int64_t>(p.dim) * p.dim, all = p.heads * state;
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
  if (i >= p.batch * all) return;
  const int64_t batch = i / all, in_row = i % all;
  float4 carry = {0, 0, 0, 0};
  if (p.initial != nullptr) carry = *reinterpret_cast<const float4*>(p.initial + i);
  auto* at = reinterpret_cast<float4*>(p.workspace + batch * p.segments * all + in_row);
  const float* decay = p.workspace + p.batch * p.segments * all + batch * p.segments * p.heads + in_row / state;
#pragma unroll 4
  for (int segment = 0; segment < p.segments; ++segment) {
    const float4 added = *at;
    const float kept = decay[static_cast<int64_t>(segment) * p.heads];
    *at = carry;
    carry = {kept * carry.x + added.x, kept * carry.y + added.y, kept * carry.z + added.z, kept * carry.w + added.w};
    at += all / 4;
  }
}

const SsdForm kGeneral = {.name = "general",
                          .dim = 0,
                          .blocks = 1,
                          .heads = 1,
                          .split = 1,
                          .threads = 256,
                          .shared_bytes = 0,
                          .needs_sm90a = false,
                          .launch = launch_ssd_general};

const char* problem(const SsdChunk& p) {
  if (p.heads < 1 || p.kv_heads < 1 || p.heads % p.kv_heads != 0) return "ssd_chunk: kv_heads must divide heads";
  if (p.dim < 1 || p.dim > kSsdLargestDim) return "ssd_chunk: head dim must be 1 to 512";
  if (p.batch < 0 || p.length < 0) return "ssd_chunk: batch and length must not be negative";
  if (p.segments < 1 || (p.segments > 1 && p.workspace == nullptr)) {
    return "ssd_chunk: at least one segment, and a workspace where there are more";
  }
  return nullptr;
}

// What the forms for one dimension read and write 8 to 16 bytes at a time.
bool aligned(const SsdChunk& p) {
  const auto address = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
  const int64_t strides = p.x_batch | p.x_token | p.x_head | p.B_batch | p.B_token | p.B_head | p.C_batch | p.C_token |
                          p.C_head | p.y_batch | p.y_token | p.y_head;
  return strides % 8 == 0 && (address(p.x) | address(p.B) | address(p.C) | address(p.y) | address(p.initial) |
                              address(p.final_state) | address(p.workspace)) %
                                     16 ==
                                 0;
}

}  // namespace

const char* join_segments(const SsdChunk& p) {
  const int64_t threads = static_cast<int64_t>(p.batch) * p.heads * p.dim * p.dim / 4;
  join<<<static_cast<unsigned>((threads + 255) / 256), 256, 0, static_cast<cudaStream_t>(p.stream)>>>(p);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

const SsdForm* ssd_forms(int32_t* count) {
  static const auto forms = [] {
    std::vector<SsdForm> all(kSsd64Wgmma, kSsd64Wgmma + kSsd64WgmmaCount);
    all.insert(all.end(), kSsd64Mma, kSsd64Mma + kSsd64MmaCount);
    all.insert(all.end(), kSsd128Wgmma, kSsd128Wgmma + kSsd128WgmmaCount);
    all.insert(all.end(), kSsd128Mma, kSsd128Mma + kSsd128MmaCount);
    all.push_back(kGeneral);
    return all;
  }();
  *count = static_cast<int32_t>(forms.size());
  return forms.data();
}

bool ssd_form_fits(const SsdForm& form, const SsdChunk& p) {
  if (form.dim == 0) return p.segments == 1;
  if (form.dim != p.dim || p.fp32 || !aligned(p) || p.heads / p.kv_heads % form.heads != 0) return false;
  const int capability = compute_capability();
  return (form.needs_sm90a ? capability == 90 : capability >= 80) && form.shared_bytes <= shared_limit();
}

const SsdForm* choose_ssd_form(const SsdChunk& p, const char** error) {
  *error = problem(p);
  if (*error != nullptr) return nullptr;
  int32_t count = 0;
  const SsdForm* forms = ssd_forms(&count);
  // Blocks of several heads, which read x and B once for all of them, won only where a few long sequences are cut into
  // many segments; elsewhere more and smaller blocks fill the GPU better.
  const bool long_and_few = p.length >= 32768 && int64_t{p.batch} * p.heads < multiprocessors();
  for (const SsdForm* form = forms; form < forms + count; ++form) {
    if ((form->heads == 1 || long_and_few) && ssd_form_fits(*form, p)) return form;
  }
  *error = "ssd_chunk: the general form takes one segment";
  return nullptr;
}

int32_t ssd_segments(const SsdForm& form, const SsdChunk& p) {
  if (form.dim == 0) return 1;
  const int64_t units = std::max<int64_t>(1, static_cast<int64_t>(p.batch) * p.heads / form.heads * form.split);
  const int64_t room = static_cast<int64_t>(multiprocessors()) * form.blocks;
  // A segment of fewer than four chunks is not worth computing what it adds to the state twice.
  const int64_t chunks = (p.length + kSsdChunk - 1) / kSsdChunk;
  return static_cast<int32_t>(std::clamp<int64_t>(room / units, 1, std::max<int64_t>(1, chunks / 4)));
}

int64_t ssd_workspace(const SsdChunk& p, int32_t segments) {
  if (segments == 1) return 0;
  return static_cast<int64_t>(p.batch) * segments * p.heads * (static_cast<int64_t>(p.dim) * p.dim + 1);
}

const char* launch_ssd_chunk(const SsdChunk& p, const SsdForm& form) {
  if (const char* wrong = problem(p)) return wrong;
  if (p.batch == 0 || (p.length == 0 && p.final_state == nullptr)) return nullptr;
  if (!ssd_form_fits(form, p))
    return "ssd_chunk: this form of the kernel is for another head dim, type, alignment or GPU";
  return form.launch(p, form);
}

}  // namespace zebra::kernels
