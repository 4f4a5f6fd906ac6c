#include <memory>
#include <numeric>

#include "cuda/harness.h"
#include "kernels/cuda/mamba2_step/launch.h"

namespace zebra::cuda_check {

namespace {

using namespace zebra::kernels;

struct Shape {
  int batch, heads, kv_heads, dim, taps;
  bool repeat, state_bf16;
  int groups() const { return repeat ? heads : kv_heads; }
  int d_inner() const { return heads * dim; }
  int d_xb() const { return kv_heads * dim; }
  int channels() const { return d_inner() + 2 * groups() * dim; }
  int projected() const { return 2 * d_inner() + 2 * d_xb() + heads; }
  size_t conv_size() const { return static_cast<size_t>(taps - 1) * channels(); }
  size_t state_size() const { return static_cast<size_t>(heads) * dim * dim; }
};

// Tensors on the device; `slots` states of which the rows use some, the others NaN.
struct Tensors {
  Shape s;
  int slots;
  Device<Bf16> projected, conv_weight, conv_bias, conv, out, state16;
  Device<float> A_log, D, dt_bias, norm_weight, state32;
  Device<int32_t> slot_of;
  std::vector<int32_t> host_slots;

  Tensors(const Shape& s, int sets, uint64_t seed)
      : s(s),
        slots(s.batch * sets + 3),
        projected(static_cast<size_t>(s.batch) * s.projected()),
        conv_weight(static_cast<size_t>(s.channels()) * s.taps),
        conv_bias(static_cast<size_t>(s.channels())),
        conv(slots * s.conv_size()),
        out(static_cast<size_t>(s.batch) * s.d_inner()),
        state16(s.state_bf16 ? slots * s.state_size() : 0),
        A_log(static_cast<size_t>(s.heads)),
        D(static_cast<size_t>(s.heads)),
        dt_bias(static_cast<size_t>(s.heads)),
        norm_weight(static_cast<size_t>(s.d_inner())),
        state32(s.state_bf16 ? 0 : slots * s.state_size()),
        slot_of(static_cast<size_t>(s.batch) * sets) {
    fill_random(projected.get(), projected.size(), seed), fill_random(conv_weight.get(), conv_weight.size(), seed + 1);
    fill_random(conv_bias.get(), conv_bias.size(), seed + 2), fill_random(conv.get(), conv.size(), seed + 3);
    fill_random(state16.get(), state16.size(), seed + 4), fill_random(state32.get(), state32.size(), seed + 4);
    fill_random(A_log.get(), A_log.size(), seed + 5), fill_random(D.get(), D.size(), seed + 6);
    fill_random(dt_bias.get(), dt_bias.size(), seed + 7), fill_random(norm_weight.get(), norm_weight.size(), seed + 8);
    std::vector<int32_t> order(static_cast<size_t>(slots));
    std::iota(order.begin(), order.end(), 0);
    Random random(seed);
    for (int i = slots - 1; i > 0; --i)
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(random.below(i + 1))]);
    host_slots.assign(order.begin(), order.begin() + s.batch * sets);
    for (int i = s.batch * sets; i < slots; ++i) {
      const auto slot = static_cast<size_t>(order[static_cast<size_t>(i)]);
      must(cudaMemset(conv.get() + slot * s.conv_size(), 0xff, s.conv_size() * 2), "memset");
      if (s.state_bf16) {
        must(cudaMemset(state16.get() + slot * s.state_size(), 0xff, s.state_size() * 2), "memset");
      } else {
        must(cudaMemset(state32.get() + slot * s.state_size(), 0xff, s.state_size() * 4), "memset");
      }
    }
    slot_of.write(host_slots);
  }
  Mamba2Step params() const {
    return {.batch = s.batch,
            .heads = s.heads,
            .kv_heads = s.kv_heads,
            .dim = s.dim,
            .taps = s.taps,
            .repeat = s.repeat,
            .state_bf16 = s.state_bf16,
            .eps = 1e-5f,
            .projected = projected.get(),
            .projected_stride = s.projected(),
            .conv_weight = conv_weight.get(),
            .conv_bias = conv_bias.get(),
            .A_log = A_log.get(),
            .D = D.get(),
            .dt_bias = dt_bias.get(),
            .norm_weight = norm_weight.get(),
            .slots = slot_of.get(),
            .conv = conv.get(),
            .conv_slot = static_cast<int64_t>(s.conv_size()),
            .state = s.state_bf16 ? static_cast<void*>(state16.get()) : state32.get(),
            .state_slot = static_cast<int64_t>(s.state_size()),
            .out = out.get(),
            .out_stride = s.d_inner(),
            .stream = nullptr};
  }
  std::vector<double> states() const {
    std::vector<double> all;
    for (const Bf16 x : state16.read()) all.push_back(widen(x));
    for (const float x : state32.read()) all.push_back(x);
    return all;
  }
};

double silu(double x) {
  return x / (1 + std::exp(-x));
}

// The definition: one step of every row, in place. conv and state hold all slots.
void reference(const Tensors& t, std::vector<Bf16>& conv, std::vector<double>& state, std::vector<double>& out) {
  const Shape& s = t.s;
  const std::vector<Bf16> projected = t.projected.read(), weight = t.conv_weight.read(), bias = t.conv_bias.read();
  const std::vector<float> A_log = t.A_log.read(), D = t.D.read(), dt_bias = t.dt_bias.read(),
                           norm = t.norm_weight.read();
  out.assign(static_cast<size_t>(s.batch) * s.d_inner(), 0);
  in_parallel(s.batch, [&](int b) {
    const int slot = t.host_slots[static_cast<size_t>(b)], dim = s.dim, channels = s.channels(), groups = s.groups();
    if (slot < 0) return;
    const Bf16* row = projected.data() + static_cast<size_t>(b) * s.projected();
    std::vector<double> mixed(static_cast<size_t>(channels));
    Bf16* past = conv.data() + static_cast<size_t>(slot) * s.conv_size();
    for (int c = 0; c < channels; ++c) {
      int column = s.d_inner();  // of x
      if (c < 2 * groups * dim) {
        const int group = c / dim % groups, kv = s.repeat ? group / (s.heads / s.kv_heads) : group;
        column += (c < groups * dim ? 0 : s.d_xb()) + kv * dim + c % dim;
      } else {
        column += 2 * s.d_xb() + c - 2 * groups * dim;
      }
      double sum = widen(bias[static_cast<size_t>(c)]);
      for (int tap = 0; tap < s.taps; ++tap) {
        const Bf16 x = tap + 1 < s.taps ? past[tap * channels + c] : row[column];
        sum += static_cast<double>(widen(weight[static_cast<size_t>(c) * s.taps + tap])) * widen(x);
        if (tap > 0) past[(tap - 1) * channels + c] = x;
      }
      mixed[static_cast<size_t>(c)] = silu(sum);
    }
    for (int head = 0; head < s.heads; ++head) {
      const int group = head / (s.heads / groups);
      const double *x = mixed.data() + group * dim, *B = x + groups * dim,
                   *C = mixed.data() + (2 * groups + head) * dim;
      const double raw =
          static_cast<double>(widen(row[2 * s.d_inner() + 2 * s.d_xb() + head])) + dt_bias[static_cast<size_t>(head)];
      const double dt = std::log1p(std::exp(raw)),
                   decay = std::exp(-std::exp(static_cast<double>(A_log[static_cast<size_t>(head)])) * dt);
      double* h = state.data() + static_cast<size_t>(slot) * s.state_size() + static_cast<size_t>(head) * dim * dim;
      std::vector<double> y(static_cast<size_t>(dim));
      double squares = 0;
      for (int p = 0; p < dim; ++p) {
        double sum = D[static_cast<size_t>(head)] * x[p];
        for (int n = 0; n < dim; ++n) {
          double& at = h[p * dim + n];
          at = at * decay + dt * x[p] * B[n];
          sum += at * C[n];
        }
        y[static_cast<size_t>(p)] = sum * silu(widen(row[head * dim + p]));
        squares += y[static_cast<size_t>(p)] * y[static_cast<size_t>(p)];
      }
      for (int p = 0; p < dim; ++p) {
        const size_t at = static_cast<size_t>(head) * dim + p;
        out[static_cast<size_t>(b) * s.d_inner() + at] =
            y[static_cast<size_t>(p)] / std::sqrt(squares / dim + 1e-5f) * norm[at];
      }
    }
  });
}

std::string title(const Shape& s) {
  return "mamba2_step b" + std::to_string(s.batch) + " h" + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) +
         " " + std::to_string(s.dim) + "x" + std::to_string(s.dim) + (s.repeat ? " repeated" : "") +
         (s.taps != 4 ? " taps " + std::to_string(s.taps) : "");
}

void check_shape(Results& results, const Shape& s) {
  static uint64_t seed = 5000;
  seed += 20;
  int32_t count = 0;
  const Mamba2StepForm* forms = mamba2_step_forms(&count);
  for (const Mamba2StepForm* form = forms; form < forms + count; ++form) {
    Tensors t(s, 1, seed);
    if (!mamba2_step_fits(*form, t.params())) continue;
    if (s.batch > 2) t.host_slots[1] = -1, t.slot_of.write(t.host_slots);
    std::vector<double> state = t.states(), expected;
    std::vector<Bf16> conv = t.conv.read();
    const std::string name = title(s) + ", " + form->name;
    Error error;
    bool padding = true;
    const int steps = 5;  // more than taps, so that the whole convolution has come from steps
    for (int step = 0; step < steps; ++step) {
      fill_random(t.projected.get(), t.projected.size(), seed + 100 + step);
      reference(t, conv, state, expected);
      t.out.fill_bytes(0xff);
      if (const char* wrong = launch_mamba2_step(t.params(), *form)) {
        std::printf("%s: %s\n", name.c_str(), wrong);
        results.fact(name, false);
        return;
      }
      must(cudaDeviceSynchronize(), name.c_str());
      const std::vector<Bf16> out = t.out.read();
      for (size_t i = 0; i < out.size(); ++i) {
        error.add(widen(out[i]), expected[i]);
        if (t.host_slots[i / s.d_inner()] < 0) padding &= out[i] == 0;
      }
    }
    results.check(name, error.relative(), s.state_bf16 ? 6e-3 : 3e-3);
    results.fact(name + ": padded rows are 0", padding);
    results.fact(name + ": same inputs remembered, other slots untouched", t.conv.read() == conv);
    Error state_error;
    bool kept = true;
    const std::vector<double> after = t.states();
    for (size_t i = 0; i < after.size(); ++i) {
      if (std::isnan(state[i])) {
        kept &= std::isnan(after[i]);
      } else {
        state_error.add(after[i], state[i]);
      }
    }
    results.check(name + ", state", state_error.relative(), s.state_bf16 ? 4e-3 : 1e-5);
    results.fact(name + ": other states untouched", kept);
  }
}

void check(Results& results, bool quick) {
  for (const bool bf16 : {false, true}) {
    for (const bool repeat : {true, false}) {
      check_shape(results, {3, 32, 8, 64, 4, repeat, bf16});
      if (quick) continue;
      check_shape(results, {5, 32, 8, 128, 4, repeat, bf16});
      check_shape(results, {2, 6, 2, 64, 4, repeat, bf16});
      check_shape(results, {3, 14, 2, 64, 4, repeat, bf16});
      check_shape(results, {3, 4, 4, 64, 3, repeat, bf16});
      check_shape(results, {1, 3, 1, 16, 4, repeat, bf16});
      check_shape(results, {3, 9, 3, 80, 4, repeat, bf16});
    }
  }
}

void time(Results& results) {
  for (const bool bf16 : {false, true}) {
    for (const int dim : {64, 128}) {
      for (const bool repeat : {true, false}) {
        for (const int batch : {256, 48, 1}) {
          if (dim == 128 && batch != 48) continue;
          const Shape s{batch, 32, 8, dim, 4, repeat, bf16};
          const double state = 2.0 * s.batch * static_cast<double>(s.state_size()) * (bf16 ? 2 : 4);
          const double bytes =
              state + s.batch * 2.0 * (s.projected() + s.d_inner() + 2.0 * static_cast<double>(s.conv_size()));
          const int sets = std::max(1, static_cast<int>(std::ceil(4e8 / bytes)));
          if (sets > 64 && batch > 1) continue;
          Tensors t(s, std::min(sets, 64), 99);
          int32_t count = 0;
          const Mamba2StepForm* forms = mamba2_step_forms(&count);
          for (const Mamba2StepForm* form = forms; form < forms + count; ++form) {
            if (!mamba2_step_fits(*form, t.params())) continue;
            const double ms = time_ms(
                [&](int i, cudaStream_t stream) {
                  Mamba2Step p = t.params();
                  p.stream = stream;
                  p.slots += i % std::min(sets, 64) * s.batch;
                  if (const char* wrong = launch_mamba2_step(p, *form)) std::printf("%s\n", wrong), std::exit(2);
                },
                std::max(10, std::min(sets, 64)));
            results.timing(title(s) + ", " + form->name, ms, bytes);
          }
        }
      }
    }
  }
}

const Suite suite("mamba2_step", check, time);

}  // namespace
}  // namespace zebra::cuda_check
