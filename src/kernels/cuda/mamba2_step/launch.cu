#include <vector>

#include "kernels/cuda/mamba2_step/kernel.cuh"

namespace zebra::kernels {

extern const Mamba2StepForm kMamba2Step64[], kMamba2Step128[];
extern const int kMamba2Step64Count, kMamba2Step128Count;

namespace {

// Any head dim and number of taps: a warp has one row of the state at a time.
template <class T>
__global__ void __launch_bounds__(256) mamba2_step_general(const __grid_constant__ Mamba2Step p) {
  extern __shared__ float conv[];  // [2 + shared heads, dim], then the mixed values [dim]
  const Mamba2Group g(p, blockIdx.x);
  float* const mixed = conv + (2 + g.shared_heads) * p.dim;
  const int slot = p.slots[g.sequence], lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  auto* const out = static_cast<__nv_bfloat16*>(p.out) + g.sequence * p.out_stride;
  const auto* const projected = static_cast<const __nv_bfloat16*>(p.projected) + g.sequence * p.projected_stride;
  if (slot < 0) {
    for (int i = threadIdx.x; i < g.shared_heads * p.dim; i += blockDim.x) {
      out[static_cast<int64_t>(g.group) * g.shared_heads * p.dim + i] = __float2bfloat16(0);
    }
    return;
  }
  auto* const past = static_cast<__nv_bfloat16*>(p.conv) + slot * p.conv_slot;
  const auto* const weight = static_cast<const __nv_bfloat16*>(p.conv_weight);
  for (int i = threadIdx.x; i < (2 + g.shared_heads) * p.dim; i += blockDim.x) {
    const int64_t channel = g.channel(p, i);
    const __nv_bfloat16 now = projected[g.input(p, i)];
    float sum = __bfloat162float(static_cast<const __nv_bfloat16*>(p.conv_bias)[channel]) +
                __bfloat162float(weight[channel * p.taps + p.taps - 1]) * __bfloat162float(now);
    for (int tap = 0; tap + 1 < p.taps; ++tap) {
      auto* at = past + tap * g.channels + channel;
      sum += __bfloat162float(weight[channel * p.taps + tap]) * __bfloat162float(*at);
      *at = tap + 2 < p.taps ? at[g.channels] : now;
    }
    conv[i] = silu(sum);
  }
  __syncthreads();
  for (int in_group = 0; in_group < g.shared_heads; ++in_group) {
    const int head = g.group * g.shared_heads + in_group;
    const float dt = softplus(__bfloat162float(projected[2 * g.d_inner + 2 * g.d_xb + head]) + p.dt_bias[head]);
    const float decay = __expf(-__expf(p.A_log[head]) * dt);
    T* const state = static_cast<T*>(p.state) + slot * p.state_slot + static_cast<int64_t>(head) * p.dim * p.dim;
    for (int row = warp; row < p.dim; row += blockDim.x / 32) {
      float sum = 0;
      for (int n = lane; n < p.dim; n += 32) {
        T& at = state[static_cast<int64_t>(row) * p.dim + n];
        const float h = static_cast<float>(at) * decay + dt * conv[row] * conv[p.dim + n];
        sum += h * conv[(2 + in_group) * p.dim + n];
        at = static_cast<T>(h);
      }
      for (int shift = 16; shift > 0; shift /= 2) sum += __shfl_xor_sync(~0u, sum, shift);
      if (lane == 0) mixed[row] = sum + p.D[head] * conv[row];
    }
    __syncthreads();
    if (warp == 0) {
      float squares = 0;
      for (int i = lane; i < p.dim; i += 32) {
        mixed[i] *= silu(__bfloat162float(projected[static_cast<int64_t>(head) * p.dim + i]));
        squares += mixed[i] * mixed[i];
      }
      for (int shift = 16; shift > 0; shift /= 2) squares += __shfl_xor_sync(~0u, squares, shift);
      const float scale = rsqrtf(squares / p.dim + p.eps);
      for (int i = lane; i < p.dim; i += 32) {
        const int64_t at = static_cast<int64_t>(head) * p.dim + i;
        out[at] = __float2bfloat16(mixed[i] * scale * p.norm_weight[at]);
      }
    }
    __syncthreads();
  }
}

template <class T>
const char* launch_general(const Mamba2Step& p) {
  const int groups = p.repeat ? p.heads : p.kv_heads;
  const int64_t shared = (3ll + p.heads / groups) * p.dim * 4;
  if (shared > 48 * 1024) return "mamba2_step: too many heads share x and B for this head dim";
  mamba2_step_general<T><<<p.batch * groups, 256, shared, static_cast<cudaStream_t>(p.stream)>>>(p);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

const Mamba2StepForm kGeneral[] = {
    {.name = "fp32, general", .dim = 0, .state_bf16 = false, .heads = 1, .launch = launch_general<float>},
    {.name = "bf16, general", .dim = 0, .state_bf16 = true, .heads = 1, .launch = launch_general<__nv_bfloat16>}};

// What the forms for one dimension read 4 to 16 bytes at a time.
bool aligned(const Mamba2Step& p) {
  const auto address = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
  return p.taps == 4 && (address(p.state) | address(p.conv_weight)) % 16 == 0 &&
         (address(p.conv) | address(p.projected) | address(p.conv_bias)) % 4 == 0 &&
         p.state_slot % (p.state_bf16 ? 8 : 4) == 0 && (p.conv_slot | p.projected_stride) % 2 == 0;
}

}  // namespace

const Mamba2StepForm* mamba2_step_forms(int32_t* count) {
  static const auto forms = [] {
    std::vector<Mamba2StepForm> all(kMamba2Step64, kMamba2Step64 + kMamba2Step64Count);
    all.insert(all.end(), kMamba2Step128, kMamba2Step128 + kMamba2Step128Count);
    all.insert(all.end(), kGeneral, kGeneral + 2);
    return all;
  }();
  *count = static_cast<int32_t>(forms.size());
  return forms.data();
}

bool mamba2_step_fits(const Mamba2StepForm& form, const Mamba2Step& p) {
  return form.state_bf16 == p.state_bf16 && (form.dim == 0 || (form.dim == p.dim && aligned(p)));
}

const Mamba2StepForm* choose_mamba2_step_form(const Mamba2Step& p) {
  int32_t count = 0;
  const Mamba2StepForm* forms = mamba2_step_forms(&count);
  const int32_t shared = p.repeat || p.kv_heads < 1 ? 1 : p.heads / p.kv_heads;  // heads of a block
  for (const Mamba2StepForm* form = forms; form < forms + count; ++form) {
    if (form->heads <= shared && mamba2_step_fits(*form, p)) return form;
  }
  return nullptr;
}

const char* launch_mamba2_step(const Mamba2Step& p, const Mamba2StepForm& form) {
  if (p.heads < 1 || p.kv_heads < 1 || p.heads % p.kv_heads != 0) return "mamba2_step: kv_heads must divide heads";
  if (p.dim < 1 || p.taps < 1 || p.batch < 0) return "mamba2_step: head dim and taps must be positive";
  if (!mamba2_step_fits(form, p))
    return "mamba2_step: this form of the kernel is for another head dim, state type or alignment";
  return p.batch == 0 ? nullptr : form.launch(p);
}

}  // namespace zebra::kernels
