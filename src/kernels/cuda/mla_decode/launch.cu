#include <algorithm>

#include "kernels/cuda/common/device.h"
#include "kernels/cuda/mla_decode/general.cuh"

namespace zebra::kernels {

extern const MlaForm kMlaForms128_32[], kMlaForms160_64[];
extern const int kMlaForms128_32Count, kMlaForms160_64Count;

__global__ void __launch_bounds__(32 * kMlaJoinMost)
    mla_join(const __grid_constant__ MlaDecode p, int rows, int row_blocks) {
  __shared__ MlaJoined of_warps[kMlaJoinMost][32];
  ptx::let_next_begin();
  const int number = blockIdx.x / rows, local = blockIdx.x % rows, row = number % row_blocks * rows + local;
  const MlaParts unit = p.units[number];  // older than the kernel before, whose end is waited for next
  ptx::wait_for_previous();
  if (unit.count == 0 || row >= p.s_q * p.heads) return;
  const int warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int first = 0; first < p.rank; first += 128) {
    const int column = first + lane * 4;
    MlaJoined joined;
    if (column < p.rank) joined = mla_join_parts(p, rows, local, column, unit, warp, warps);
    of_warps[warp][lane] = joined;
    __syncthreads();
    if (warp == 0 && column < p.rank) {
      for (int other = 1; other < warps; ++other) joined.add(of_warps[other][lane]);
      mla_write_joined(p, number / row_blocks, row, column, joined);
    }
    __syncthreads();
  }
}

namespace {

// With `early` the kernel's blocks may come while the one before ends; from sm_90 on.
cudaLaunchConfig_t launch_config(int blocks, int threads, int64_t shared_bytes, void* stream, bool early,
                                 cudaLaunchAttribute* attribute) {
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks, config.blockDim = threads, config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = static_cast<cudaStream_t>(stream);
  *attribute = {};
  attribute->id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute->val.programmaticStreamSerializationAllowed = 1;
  if (early && compute_capability() >= 90) config.attrs = attribute, config.numAttrs = 1;
  return config;
}

const char* join(const MlaDecode& p, int rows) {
  if (p.parts == 0) return nullptr;
  const int row_blocks = (p.s_q * p.heads + rows - 1) / rows;
  cudaLaunchAttribute attribute;
  const int warps = p.parts > 32 * p.unit_count ? kMlaJoinMost : kMlaJoinMost / 4;
  const auto config = launch_config(p.unit_count * rows, 32 * warps, 0, p.stream, true, &attribute);
  const cudaError_t error = cudaLaunchKernelEx(&config, mla_join, p, rows, row_blocks);
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

template <int Pairs>
const char* launch_general(const MlaDecode& p, const MlaForm& form) {
  const int width = p.rank + p.rope, stages = MlaGeneral::shared_bytes(width, 2) <= shared_limit() ? 2 : 1;
  const int64_t bytes = MlaGeneral::shared_bytes(width, stages);
  if (bytes > shared_limit()) return "mla_decode: rank + rope is too large for this GPU's shared memory";
  cudaError_t error = cudaFuncSetAttribute(mla_decode_general<Pairs>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           static_cast<int>(bytes));
  if (error == cudaSuccess) {
    mla_decode_general<Pairs><<<p.blocks, form.threads, bytes, static_cast<cudaStream_t>(p.stream)>>>(p, stages);
    error = cudaGetLastError();
  }
  return error == cudaSuccess ? join(p, form.rows) : cudaGetErrorString(error);
}

template <int Pairs>
constexpr MlaForm general_form(const char* name) {
  return {.name = name,
          .rank = 0,
          .rope = 0,
          .rows = MlaGeneral::kRows,
          .keys = 1,
          .threads = MlaGeneral::kThreads,
          .blocks = 1,
          .shared_bytes = 0,
          .launch = launch_general<Pairs>};
}
constexpr int kSmallRank = 256, kLargeRank = 1024;
const MlaForm kGeneral[] = {general_form<kSmallRank / 128>("general, rank to 256"),
                            general_form<kLargeRank / 128>("general, rank to 1024")};

const char* problem(const MlaDecode& p) {
  if (p.rank <= 0 || p.rank % 16 != 0 || p.rope < 0 || p.rope % 16 != 0) {
    return "mla_decode: rank and rope must be multiples of 16";
  }
  if (p.rank > kLargeRank) return "mla_decode: rank above 1024";
  if (p.heads < 1 || p.s_q < 1 || p.page < 1 || p.batch < 0) return "mla_decode: heads, s_q and page must be positive";
  const int64_t strides = p.q_batch | p.q_token | p.q_head | p.page_stride;
  const auto address = reinterpret_cast<uintptr_t>(p.q) | reinterpret_cast<uintptr_t>(p.pages);
  if (strides % 8 != 0 || address % 16 != 0) return "mla_decode: q and pages must be aligned to 16 bytes";
  if ((p.out_batch | p.out_token | p.out_head) % 4 != 0 || reinterpret_cast<uintptr_t>(p.out) % 8 != 0) {
    return "mla_decode: out must be aligned to 8 bytes";
  }
  return nullptr;
}

bool fits(const MlaForm& form, const MlaDecode& p) {
  if (form.rank == 0) return p.rank <= (&form == kGeneral ? kSmallRank : kLargeRank);
  return form.rank == p.rank && form.rope == p.rope && p.page % form.keys == 0;
}

}  // namespace

const char* launch_mla_kernel(const void* kernel, const MlaDecode& p, const MlaForm& form) {
  cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(form.shared_bytes));
  if (error == cudaSuccess) {
    void* arguments[] = {const_cast<MlaDecode*>(&p)};
    cudaLaunchAttribute attribute;
    const auto config = launch_config(p.blocks, form.threads, form.shared_bytes, p.stream, p.early, &attribute);
    error = cudaLaunchKernelExC(&config, kernel, arguments);
  }
  return error == cudaSuccess ? join(p, form.rows) : cudaGetErrorString(error);
}

const MlaForm* mla_forms(int32_t* count) {
  static const auto forms = [] {
    std::vector<MlaForm> all(kMlaForms128_32, kMlaForms128_32 + kMlaForms128_32Count);
    all.insert(all.end(), kMlaForms160_64, kMlaForms160_64 + kMlaForms160_64Count);
    all.insert(all.end(), std::begin(kGeneral), std::end(kGeneral));
    return all;
  }();
  *count = static_cast<int32_t>(forms.size());
  return forms.data();
}

const MlaForm* choose_mla_form(const MlaDecode& p, const char** error) {
  *error = problem(p);
  if (*error != nullptr) return nullptr;
  const int limit = shared_limit();
  if (compute_capability() < 80) {
    *error = "mla_decode: needs a GPU of compute capability 8.0 or newer";
    return nullptr;
  }
  const auto usable = [&](const MlaForm& form) { return fits(form, p) && form.shared_bytes <= limit; };
  // Two blocks a multiprocessor hide each other's begin and end. Where a sequence is cut into more than eight parts
  // half as many and larger blocks win, since there are fewer parts to join: 15 % at one sequence of 128k tokens.
  const bool few = 8ll * p.batch < multiprocessors();
  const MlaForm* best = nullptr;
  const auto consider = [&](const MlaForm* forms, int count) {
    for (const MlaForm* form = forms; form < forms + count; ++form) {
      if (usable(*form) && (best == nullptr || few)) best = form;
    }
  };
  consider(kMlaForms128_32, kMlaForms128_32Count);
  consider(kMlaForms160_64, kMlaForms160_64Count);
  if (best == nullptr) best = p.rank <= kSmallRank ? &kGeneral[0] : &kGeneral[1];
  return best;
}

const char* launch_mla_decode(const MlaDecode& p, const MlaForm& form) {
  if (const char* wrong = problem(p)) return wrong;
  if (p.batch == 0) return nullptr;
  if (form.rank != 0 && (form.rank != p.rank || form.rope != p.rope || p.page % form.keys != 0)) {
    return "mla_decode: this form of the kernel is for another rank, rope or page";
  }
  return form.launch(p, form);
}

}  // namespace zebra::kernels
