#include <memory>
#include <set>

#include "cuda/harness.h"
#include "kernels/cuda/ssd_chunk/launch.h"

namespace zebra::cuda_check {

namespace {

using namespace zebra::kernels;

struct Shape {
  int batch;
  int64_t length;
  int heads, kv_heads, dim;
  bool fp32 = false;
  std::vector<int32_t> lengths = {};  // empty: all real
  bool starts = false, initial = true;
  int64_t width() const {
    return (2ll * kv_heads + heads) * dim;
  }  // of a token: x | B | C, as the convolution leaves it
  int64_t tokens() const { return batch * length; }
  size_t state() const { return static_cast<size_t>(dim) * dim; }
  size_t states() const { return static_cast<size_t>(batch) * heads * state(); }
  int64_t real(int b) const { return lengths.empty() ? length : lengths[static_cast<size_t>(b)]; }
};

std::string title(const Shape& s) {
  std::string text = "ssd_chunk " + std::to_string(s.batch) + " x " + std::to_string(s.length) + " h" +
                     std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " " + std::to_string(s.dim) +
                     (s.fp32 ? " fp32" : "") + (s.lengths.empty() ? "" : " ragged") + (s.starts ? " documents" : "") +
                     (s.initial ? "" : " from zeros");
  return text;
}

// Tensors on the device. What is padding is NaN.
struct Tensors {
  Shape s;
  Device<Bf16> input16, y16;
  Device<float> input32, y32, dt, A, D, initial, last;
  Device<uint8_t> starts;
  Device<int32_t> lengths;
  std::vector<float> host_input, host_dt;  // with the padding as it was before the poison
  std::vector<uint8_t> host_starts;

  Tensors(const Shape& s, uint64_t seed, bool host)
      : s(s),
        input16(s.fp32 ? 0 : static_cast<size_t>(s.tokens() * s.width())),
        y16(s.fp32 ? 0 : static_cast<size_t>(s.tokens() * s.heads * s.dim)),
        input32(s.fp32 ? static_cast<size_t>(s.tokens() * s.width()) : 0),
        y32(s.fp32 ? static_cast<size_t>(s.tokens() * s.heads * s.dim) : 0),
        dt(static_cast<size_t>(s.tokens() * s.heads)),
        A(static_cast<size_t>(s.heads)),
        D(static_cast<size_t>(s.heads)),
        initial(s.states()),
        last(s.states()),
        starts(s.starts ? static_cast<size_t>(s.tokens()) : 0),
        lengths(s.lengths) {
    fill_random(input16.get(), input16.size(), seed), fill_random(input32.get(), input32.size(), seed);
    fill_random(D.get(), D.size(), seed + 1), fill_random(initial.get(), initial.size(), seed + 2);
    fill_random(dt.get(), dt.size(), seed + 3);
    Random random(seed + 4);
    std::vector<float> a;  // from a memory of a few tokens to one of many thousands
    for (int i = 0; i < s.heads; ++i) a.push_back(-std::exp2(3 - 9.0f * static_cast<float>(random.below(1000)) / 1000));
    A.write(a);
    host_dt = dt.read();
    for (float& x : host_dt) x = std::fabs(x) * 0.06f;
    host_dt[0] = 0;
    dt.write(host_dt);
    if (s.starts) {
      for (int64_t i = 0; i < s.tokens(); ++i) host_starts.push_back(random.below(40) == 0 || i == s.tokens() - 3);
      starts.write(host_starts);
    }
    if (!host) return;
    if (s.fp32) {
      host_input = input32.read();
    } else {
      for (const Bf16 x : input16.read()) host_input.push_back(widen(x));
    }
    for (int b = 0; b < s.batch; ++b) {
      const auto first = static_cast<size_t>(b * s.length + s.real(b)),
                 count = static_cast<size_t>(s.length - s.real(b));
      const auto width = static_cast<size_t>(s.width()), heads = static_cast<size_t>(s.heads);
      if (count == 0) continue;
      if (s.fp32) {
        must(cudaMemset(input32.get() + first * width, 0xff, count * width * 4), "memset");
      } else {
        must(cudaMemset(input16.get() + first * width, 0xff, count * width * 2), "memset");
      }
      must(cudaMemset(dt.get() + first * heads, 0xff, count * heads * 4), "memset");
    }
  }
  // Tokens [first, first + count) of every row, from `state` to `to`.
  SsdChunk params(int64_t first, int64_t count, const float* state, float* to) const {
    const int64_t width = s.width(), out = static_cast<int64_t>(s.heads) * s.dim;
    const auto input = [&](int64_t column) -> const void* {
      column += first * width;
      return s.fp32 ? static_cast<const void*>(input32.get() + column) : input16.get() + column;
    };
    const int64_t B_from = static_cast<int64_t>(s.kv_heads) * s.dim;
    return {.batch = s.batch,
            .heads = s.heads,
            .kv_heads = s.kv_heads,
            .dim = s.dim,
            .length = count,
            .fp32 = s.fp32,
            .x = input(0),
            .B = input(B_from),
            .C = input(2 * B_from),
            .y = s.fp32 ? static_cast<void*>(y32.get() + first * out) : y16.get() + first * out,
            .dt = dt.get() + first * s.heads,
            .A = A.get(),
            .D = D.get(),
            .x_batch = s.length * width,
            .x_token = width,
            .x_head = s.dim,
            .B_batch = s.length * width,
            .B_token = width,
            .B_head = s.dim,
            .C_batch = s.length * width,
            .C_token = width,
            .C_head = s.dim,
            .y_batch = s.length * out,
            .y_token = out,
            .y_head = s.dim,
            .dt_batch = s.length * s.heads,
            .dt_token = s.heads,
            .lengths = s.lengths.empty() ? nullptr : lengths.get(),
            .starts = s.starts ? starts.get() : nullptr,
            .initial = state,
            .final_state = to,
            .segments = 1,
            .workspace = nullptr,
            .stream = nullptr};
  }
  std::vector<float> outputs() const {
    if (s.fp32) return y32.read();
    const std::vector<Bf16> bits = y16.read();
    std::vector<float> all(bits.size());
    in_parallel(64, [&](int slice) {
      for (size_t i = bits.size() * slice / 64; i < bits.size() * (slice + 1) / 64; ++i) all[i] = widen(bits[i]);
    });
    return all;
  }
};

struct Expected {
  std::vector<float> y, state;
};
// The definition: token after token, in double precision.
Expected reference(const Tensors& t) {
  const Shape& s = t.s;
  Expected e{.y = std::vector<float>(static_cast<size_t>(s.tokens() * s.heads * s.dim), 0),
             .state = std::vector<float>(s.states(), 0)};
  const std::vector<float> A = t.A.read(), D = t.D.read(), initial = t.initial.read();
  const int strips = (s.dim + 7) / 8;
  in_parallel(s.batch * s.heads * strips, [&](int index) {
    const int strip = index % strips, head = index / strips % s.heads, b = index / strips / s.heads;
    const int kv = head / (s.heads / s.kv_heads), padded = (s.dim + 7) / 8 * 8;
    for (int p = strip * 8; p < std::min(s.dim, strip * 8 + 8); ++p) {
      const size_t state = ((static_cast<size_t>(b) * s.heads + head) * s.dim + p) * s.dim;
      std::vector<double> h(static_cast<size_t>(padded), 0);
      for (int n = 0; s.initial && n < s.dim; ++n) h[static_cast<size_t>(n)] = initial[state + static_cast<size_t>(n)];
      for (int64_t i = 0; i < s.real(b); ++i) {
        const auto token = static_cast<size_t>(b * s.length + i);
        const float* in = t.host_input.data() + token * static_cast<size_t>(s.width());
        const float *B = in + (s.kv_heads + kv) * s.dim, *C = in + (2 * s.kv_heads + head) * s.dim;
        const double x = in[kv * s.dim + p], step = t.host_dt[token * s.heads + static_cast<size_t>(head)];
        const bool start = s.starts && t.host_starts[token] != 0;
        const double decay = start ? 0 : std::exp(step * A[static_cast<size_t>(head)]), input = step * x;
        double sums[8] = {};
        int n = 0;
        for (; n + 8 <= s.dim; n += 8) {
          for (int j = 0; j < 8; ++j) {
            double& at = h[static_cast<size_t>(n + j)];
            at = decay * at + input * B[n + j], sums[j] += at * C[n + j];
          }
        }
        for (; n < s.dim; ++n) {
          double& at = h[static_cast<size_t>(n)];
          at = decay * at + input * B[n], sums[0] += at * C[n];
        }
        double sum = D[static_cast<size_t>(head)] * x;
        for (const double part : sums) sum += part;
        e.y[(token * s.heads + static_cast<size_t>(head)) * s.dim + static_cast<size_t>(p)] = static_cast<float>(sum);
      }
      for (int n = 0; n < s.dim; ++n)
        e.state[state + static_cast<size_t>(n)] = static_cast<float>(h[static_cast<size_t>(n)]);
    }
  });
  return e;
}

// The largest error of any head of any row.
double worst_of_y(const Shape& s, const std::vector<float>& y, const std::vector<float>& expected) {
  std::vector<Error> all(static_cast<size_t>(s.batch) * s.heads);
  in_parallel(s.batch * s.heads, [&](int index) {
    const int b = index / s.heads, head = index % s.heads;
    Error& error = all[static_cast<size_t>(index)];
    for (int64_t token = b * s.length; token < (b + 1) * s.length; ++token) {
      const auto from = static_cast<size_t>((token * s.heads + head) * s.dim);
      for (size_t i = from; i < from + s.dim; ++i) error.add(y[i], expected[i]);
    }
  });
  double worst = 0;
  for (const Error& error : all) worst = error.relative() <= worst ? worst : error.relative();  // NaN is kept
  return worst;
}
double worst_of_states(const Shape& s, const std::vector<float>& state, const std::vector<float>& expected) {
  std::vector<Error> all(static_cast<size_t>(s.batch) * s.heads);
  for (size_t i = 0; i < state.size(); ++i) all[i / s.state()].add(state[i], expected[i]);
  double worst = 0;
  for (const Error& error : all) worst = error.relative() <= worst ? worst : error.relative();
  return worst;
}

void run(SsdChunk p, const SsdForm& form, const std::string& name) {
  const Device<float> workspace(static_cast<size_t>(ssd_workspace(p, p.segments)));
  must(cudaMemset(workspace.get(), 0xff, workspace.size() * 4), "memset");
  p.workspace = workspace.get();
  if (const char* wrong = launch_ssd_chunk(p, form)) std::printf("%s: %s\n", name.c_str(), wrong), std::exit(2);
  must(cudaDeviceSynchronize(), name.c_str());
}

uint64_t next_seed() {
  static uint64_t seed = 9000;
  return seed += 10;
}

template <class Call>
void each_form(const SsdChunk& p, const Call& call) {
  int32_t count = 0;
  const SsdForm* forms = ssd_forms(&count);
  for (const SsdForm* form = forms; form < forms + count; ++form) {
    if (ssd_form_fits(*form, p)) call(*form);
  }
}

void check_shape(Results& results, const Shape& s) {
  Tensors t(s, next_seed(), true);
  const Expected expected = reference(t);
  const SsdChunk whole = t.params(0, s.length, s.initial ? t.initial.get() : nullptr, t.last.get());
  each_form(whole, [&](const SsdForm& form) {
    const std::set<int32_t> ways =
        form.dim == 0 ? std::set<int32_t>{1} : std::set<int32_t>{1, 3, ssd_segments(form, whole)};
    for (const int32_t segments : ways) {
      SsdChunk p = whole;
      p.segments = segments;
      const std::string name = title(s) + ", " + form.name + ", segments " + std::to_string(segments);
      t.y16.fill_bytes(0xff), t.y32.fill_bytes(0xff), t.last.fill_bytes(0xff);
      run(p, form, name);
      const std::vector<float> y = t.outputs(), state = t.last.read();
      results.check(name, worst_of_y(s, y, expected.y), s.fp32 ? 3e-5 : 5e-3);
      results.check(name + ", state", worst_of_states(s, state, expected.state), form.dim == 0 ? 3e-5 : 3e-3);
      bool zeros = true;
      for (int b = 0; b < s.batch; ++b) {
        const int64_t row = static_cast<int64_t>(s.heads) * s.dim;
        for (int64_t i = (b * s.length + s.real(b)) * row; i < (b + 1) * s.length * row; ++i) {
          zeros &= y[static_cast<size_t>(i)] == 0;
        }
      }
      if (!s.lengths.empty()) results.fact(name + ": padding is 0", zeros);
      if (!s.initial) continue;
      // Once more, from a state that is overwritten.
      const Device<float> both(t.initial.read());
      p.initial = both.get(), p.final_state = both.get();
      run(p, form, name);
      results.fact(name + ": same bits in place", t.outputs() == y && both.read() == state);
    }
  });
}

// A call in parts: at a chunk's border it has the same bits, anywhere else the same values.
void check_cuts(Results& results, const Shape& s) {
  Tensors t(s, next_seed(), true);
  const Expected expected = reference(t);
  const SsdChunk whole = t.params(0, s.length, t.initial.get(), t.last.get());
  each_form(whole, [&](const SsdForm& form) {
    const std::string name = title(s) + ", " + form.name;
    run(whole, form, name);
    const std::vector<float> y = t.outputs(), state = t.last.read();
    const auto in_parts = [&](int64_t part) {
      const Device<float> carried(t.initial.read());
      t.y16.fill_bytes(0xff), t.y32.fill_bytes(0xff);
      for (int64_t first = 0; first < s.length; first += part) {
        run(t.params(first, std::min(part, s.length - first), carried.get(), carried.get()), form, name);
      }
      return std::pair{t.outputs(), carried.read()};
    };
    const auto at_border = in_parts(kSsdChunk), three = in_parts(3 * kSsdChunk);
    results.fact(name + ": cut at chunks' borders, same bits", at_border.first == y && at_border.second == state);
    results.fact(name + ": cut at every third border, same bits", three.first == y && three.second == state);
    for (const int64_t part : {1, 5, 100}) {
      const auto parts = in_parts(part);
      results.check(name + ", in parts of " + std::to_string(part), worst_of_y(s, parts.first, expected.y),
                    s.fp32 ? 3e-5 : 5e-3);
      results.check(name + ", in parts of " + std::to_string(part) + ", state",
                    worst_of_states(s, parts.second, expected.state), form.dim == 0 ? 3e-5 : 4e-3);
    }
  });
}

void check(Results& results, bool quick) {
  for (const int dim : {64, 128}) {
    check_shape(results, {2, 200, 4, 2, dim, false, {200, 67}});
    if (quick) continue;
    check_shape(results, {3, 777, 8, 2, dim});
    check_shape(results, {3, 777, 8, 2, dim, false, {}, false, false});
    check_shape(results, {5, 500, 4, 1, dim, false, {0, 1, 64, 65, 500}});
    check_shape(results, {5, 500, 4, 4, dim, false, {448, 499, 63, 129, 128}, true});
    check_shape(results, {2, 1000, 6, 2, dim, false, {}, true, false});
    check_shape(results, {1, 1, 32, 8, dim});
    check_shape(results, {1, 64, 14, 2, dim});
    check_shape(results, {1, 2048, 32, 8, dim});
    check_cuts(results, {2, 450, 8, 2, dim});
    check_shape(results, {1, 65536, 4, 1, dim, false, {}, false, false});
  }
  if (quick) return;
  check_shape(results, {1, 1048576, 1, 1, 64, false, {}, false, false});
  for (const bool fp32 : {true, false}) {
    for (const int dim : {1, 5, 16, 32, 80, 96, 256, 512}) {
      check_shape(results, {2, 150, 6, 2, dim, fp32, {150, 70}, true});
    }
    check_cuts(results, {2, 130, 4, 2, 32, fp32});
  }
  check_shape(results, {3, 300, 8, 2, 64, true, {300, 0, 65}});
  check_shape(results, {1, 65536, 2, 1, 16, true, {}, false, false});
}

void time(Results& results) {
  const std::vector<Shape> shapes = {{12, 2048, 32, 8, 64},      {12, 2048, 32, 8, 128}, {12, 2048, 32, 32, 64},
                                     {1, 32768, 32, 8, 64},      {1, 32768, 32, 8, 128}, {1, 131072, 32, 8, 64},
                                     {1, 2048, 32, 8, 64},       {48, 4096, 32, 8, 64},  {4, 2048, 32, 8, 64},
                                     {12, 2048, 32, 8, 64, true}};
  for (Shape s : shapes) {
    s.initial = false;
    const double tokens = static_cast<double>(s.tokens()), size = s.fp32 ? 4 : 2;
    const double bytes = tokens * ((2.0 * s.kv_heads + 2.0 * s.heads) * s.dim * size + 4.0 * s.heads);
    // Scores and what they weigh, of which half is behind the diagonal, then the state read and added to.
    const double operations = tokens * s.heads * (2.0 * (kSsdChunk + 1) * s.dim + 4.0 * s.dim * s.dim);
    const int sets = std::clamp(static_cast<int>(std::ceil(3e8 / bytes)), 1, 16);
    Shape all = s;
    all.batch *= sets;
    const Tensors t(all, 77, false);
    SsdChunk p = t.params(0, s.length, nullptr, t.last.get());
    p.batch = s.batch;
    each_form(p, [&](const SsdForm& form) {
      if (form.dim == 0 && s.length > 4096) return;
      const int32_t chosen = ssd_segments(form, p);
      std::set<int32_t> ways = {chosen};
      if (form.dim != 0) ways.insert({1, std::max(1, chosen / 2), 2 * chosen});
      for (const int32_t segments : ways) {
        if (segments == 1 && chosen > 4) continue;
        const Device<float> workspace(static_cast<size_t>(ssd_workspace(p, segments)));
        const double ms = time_ms(
            [&](int i, cudaStream_t stream) {
              SsdChunk q = p;
              q.segments = segments, q.workspace = workspace.get(), q.stream = stream;
              const int64_t row = static_cast<int64_t>(i % sets) * s.batch;
              const auto at = [&](const void* from, int64_t stride) {
                return static_cast<const char*>(from) + row * stride * (s.fp32 ? 4 : 2);
              };
              q.x = at(q.x, q.x_batch), q.B = at(q.B, q.B_batch), q.C = at(q.C, q.C_batch);
              q.y = const_cast<char*>(at(q.y, q.y_batch)), q.dt += row * q.dt_batch;
              if (const char* wrong = launch_ssd_chunk(q, form)) std::printf("%s\n", wrong), std::exit(2);
            },
            std::max(10, sets));
        char rate[64];
        std::snprintf(rate, sizeof rate, ", %.0f TFLOP/s", operations / ms / 1e9);
        results.timing(title(s) + ", " + form.name + ", segments " + std::to_string(segments) +
                           (segments == chosen ? " (chosen)" : "") + rate,
                       ms, bytes);
      }
    });
  }
}

const Suite suite("ssd_chunk", check, time);

}  // namespace
}  // namespace zebra::cuda_check
