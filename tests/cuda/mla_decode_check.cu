#include <memory>
#include <numeric>

#include "cuda/harness.h"
#include "kernels/cuda/common/device.h"
#include "kernels/cuda/mla_decode/launch.h"

namespace zebra::cuda_check {

namespace {

using namespace zebra::kernels;

// Whether a form can be launched on this device.
bool runs_here(const MlaForm& form) {
  return form.shared_bytes <= shared_limit();
}

struct Shape {
  int s_q, heads, rank, rope, page;
  std::vector<int32_t> lengths;
  int width() const { return rank + rope; }
  int batch() const { return static_cast<int>(lengths.size()); }
};

// Tensors of a shape on the device. Pages lie in random order; what no sequence owns is NaN, and the tables hold
// nonsense behind a sequence's last page. `sets`: as many caches one after another, for timings that must miss L2.
struct Tensors {
  Shape shape;
  int sets;
  size_t table_width = 0, pages = 0;
  std::unique_ptr<Device<Bf16>> q, cache, out;
  std::unique_ptr<Device<int32_t>> table;
  std::unique_ptr<Device<float>> log_sum;
  std::vector<int32_t> host_table;

  Tensors(const Shape& shape, int sets, uint64_t seed, bool poison) : shape(shape), sets(sets) {
    const int batch = shape.batch();
    size_t used = 0;
    for (const int32_t length : shape.lengths) {
      const size_t own = (static_cast<size_t>(length) + shape.page - 1) / shape.page;
      used += own, table_width = std::max(table_width, own + 3);
    }
    pages = used * sets + 5;
    std::vector<int32_t> order(pages);
    std::iota(order.begin(), order.end(), 0);
    Random random(seed);
    for (size_t i = pages - 1; i > 0; --i)
      std::swap(order[i], order[static_cast<size_t>(random.below(static_cast<int>(i + 1)))]);
    host_table.assign(static_cast<size_t>(sets) * batch * table_width, 0x7ffffff0);
    const size_t page_size = static_cast<size_t>(shape.page) * shape.width();
    cache = std::make_unique<Device<Bf16>>(pages * page_size);
    fill_random(cache->get(), cache->size(), seed);
    const auto poisoned = [&](size_t begin, size_t count) {  // every bit set: NaN
      if (poison && count > 0) must(cudaMemset(cache->get() + begin, 0xff, count * 2), "memset");
    };
    size_t next = 0;
    for (int set = 0; set < sets; ++set) {
      for (int b = 0; b < batch; ++b) {
        const int length = shape.lengths[static_cast<size_t>(b)];
        for (int i = 0; i * shape.page < length; ++i) {
          const auto page = static_cast<size_t>(order[next++]);
          host_table[(static_cast<size_t>(set) * batch + b) * table_width + i] = static_cast<int32_t>(page);
          const int real = std::min(shape.page, length - i * shape.page);
          poisoned(page * page_size + static_cast<size_t>(real) * shape.width(),
                   static_cast<size_t>(shape.page - real) * shape.width());
        }
      }
    }
    for (; next < pages; ++next) poisoned(static_cast<size_t>(order[next]) * page_size, page_size);
    table = std::make_unique<Device<int32_t>>(host_table);
    q = std::make_unique<Device<Bf16>>(static_cast<size_t>(batch) * shape.s_q * shape.heads * shape.width());
    fill_random(q->get(), q->size(), seed + 1);
    out = std::make_unique<Device<Bf16>>(static_cast<size_t>(batch) * shape.s_q * shape.heads * shape.rank);
    log_sum = std::make_unique<Device<float>>(static_cast<size_t>(batch) * shape.s_q * shape.heads);
  }
};

// A plan with its workspace.
struct Planned {
  std::unique_ptr<Device<MlaItem>> items;
  std::unique_ptr<Device<MlaParts>> units;
  std::unique_ptr<Device<float>> part_out, part_log_sum;
  MlaDecode p;

  Planned(const Tensors& t, const MlaForm& form, int blocks, int overhead, bool early = true) {
    const Shape& s = t.shape;
    const MlaPlanShape shape{.row_blocks = (s.s_q * s.heads + form.rows - 1) / form.rows,
                             .blocks = blocks,
                             .grain = 64,
                             .overhead = overhead};
    const MlaPlan plan = plan_mla_decode(s.lengths, shape);
    items = std::make_unique<Device<MlaItem>>(plan.items);
    units = std::make_unique<Device<MlaParts>>(plan.units);
    part_out = std::make_unique<Device<float>>(static_cast<size_t>(plan.parts) * form.rows * s.rank);
    part_log_sum = std::make_unique<Device<float>>(static_cast<size_t>(plan.parts) * form.rows);
    part_out->fill_bytes(0xff), part_log_sum->fill_bytes(0xff);
    const int64_t width = s.width();
    p = {.batch = s.batch(),
         .s_q = s.s_q,
         .heads = s.heads,
         .rank = s.rank,
         .rope = s.rope,
         .page = s.page,
         .scale = 1 / std::sqrt(64.0f),
         .q = t.q->get(),
         .q_batch = s.s_q * s.heads * width,
         .q_token = s.heads * width,
         .q_head = width,
         .pages = t.cache->get(),
         .page_stride = s.page * width,
         .table = t.table->get(),
         .table_stride = static_cast<int64_t>(t.table_width),
         .out = t.out->get(),
         .out_batch = static_cast<int64_t>(s.s_q) * s.heads * s.rank,
         .out_token = static_cast<int64_t>(s.heads) * s.rank,
         .out_head = s.rank,
         .log_sum = t.log_sum->get(),
         .items = items->get(),
         .units = units->get(),
         .blocks = plan.blocks,
         .unit_count = static_cast<int32_t>(plan.units.size()),
         .parts = plan.parts,
         .part_out = part_out->get(),
         .part_log_sum = part_log_sum->get(),
         .early = early,
         .stream = nullptr};
  }
};

struct Expected {
  std::vector<int> rows;  // of b * s_q * h
  std::vector<double> out, log_sum;
};
// The definition, for every `stride`-th row.
Expected reference(const Tensors& t, int stride) {
  const Shape& s = t.shape;
  const std::vector<Bf16> q = t.q->read(), cache = t.cache->read();
  Expected e;
  for (int row = 0; row < s.batch() * s.s_q * s.heads; row += stride) e.rows.push_back(row);
  e.out.assign(e.rows.size() * s.rank, 0), e.log_sum.assign(e.rows.size(), -INFINITY);
  in_parallel(static_cast<int>(e.rows.size()), [&](int index) {
    const int row = e.rows[static_cast<size_t>(index)], b = row / (s.s_q * s.heads), i = row / s.heads % s.s_q;
    const int seen = s.lengths[static_cast<size_t>(b)] - s.s_q + i + 1, width = s.width();
    std::vector<double> query(static_cast<size_t>(width)), sum(static_cast<size_t>(s.rank));
    for (int d = 0; d < width; ++d) query[static_cast<size_t>(d)] = widen(q[static_cast<size_t>(row) * width + d]);
    std::vector<double> scores;
    const auto latent = [&](int key) {
      const size_t page = static_cast<size_t>(t.host_table[static_cast<size_t>(b) * t.table_width + key / s.page]);
      return cache.data() + (page * s.page + key % s.page) * width;
    };
    double most = -INFINITY;
    for (int key = 0; key < seen; ++key) {
      const Bf16* k = latent(key);
      double score = 0;
      for (int d = 0; d < width; ++d) score += query[static_cast<size_t>(d)] * widen(k[d]);
      scores.push_back(score / std::sqrt(64.0)), most = std::max(most, scores.back());
    }
    double total = 0;
    for (int key = 0; key < seen; ++key) {
      const Bf16* v = latent(key);
      const double weight = std::exp(scores[static_cast<size_t>(key)] - most);
      total += weight;
      for (int d = 0; d < s.rank; ++d) sum[static_cast<size_t>(d)] += weight * widen(v[d]);
    }
    if (seen <= 0) return;
    for (int d = 0; d < s.rank; ++d)
      e.out[static_cast<size_t>(index) * s.rank + d] = sum[static_cast<size_t>(d)] / total;
    e.log_sum[static_cast<size_t>(index)] = (most + std::log(total)) / std::log(2.0);
  });
  return e;
}

std::string title(const Shape& s, const std::string& lengths) {
  return "mla_decode " + std::to_string(s.rank) + "+" + std::to_string(s.rope) + " h" + std::to_string(s.heads) +
         " s_q " + std::to_string(s.s_q) + " page " + std::to_string(s.page) + " " + lengths;
}

void check_shape(Results& results, const Shape& s, const std::string& lengths, int stride = 1) {
  static uint64_t seed = 100;
  Tensors t(s, 1, seed += 10, true);
  const Expected expected = reference(t, stride);
  int32_t count = 0;
  const MlaForm* forms = mla_forms(&count);
  for (const MlaForm* form = forms; form < forms + count; ++form) {
    const bool fixed = form->rank != 0;
    if (fixed && (form->rank != s.rank || form->rope != s.rope || s.page % form->keys != 0)) continue;
    if (!fixed && s.rank > 256 && form + 1 < forms + count) continue;
    if (!runs_here(*form)) continue;
    const int full = multiprocessors() * form->blocks;
    for (const int blocks : {full, 5}) {
      std::vector<Bf16> first;
      for (const bool early : {true, false}) {
        Planned planned(t, *form, blocks, blocks == 5 ? 0 : 128, early);
        t.out->fill_bytes(0xff), t.log_sum->fill_bytes(0xff);
        const std::string name = title(s, lengths) + ", " + form->name + ", " + std::to_string(planned.p.blocks) +
                                 " blocks" + (early ? "" : ", not early");
        if (const char* error = launch_mla_decode(planned.p, *form)) {
          std::printf("%s: %s\n", name.c_str(), error);
          results.fact(name, false);
          continue;
        }
        must(cudaDeviceSynchronize(), name.c_str());
        const std::vector<Bf16> out = t.out->read();
        const std::vector<float> log_sum = t.log_sum->read();
        if (!first.empty()) {
          results.fact(name + ": same bits", out == first);
          continue;
        }
        first = out;
        Error error;
        double worst = 0;
        for (size_t i = 0; i < expected.rows.size(); ++i) {
          const auto row = static_cast<size_t>(expected.rows[i]);
          for (int d = 0; d < s.rank; ++d) {
            error.add(widen(out[row * s.rank + d]), expected.out[i * s.rank + d]);
          }
          const double e = expected.log_sum[i], difference = std::fabs(log_sum[row] - e);
          if (e == log_sum[row]) continue;  // both -inf
          worst = std::isfinite(difference) ? std::max(worst, difference) : INFINITY;
        }
        bool whole = true;
        for (const Bf16 value : out) whole &= std::isfinite(widen(value));
        results.check(name, error.relative(), 3e-3);
        results.check(name + ", log sum", worst, 1e-3);
        results.fact(name + ", every element written", whole);
      }
    }
  }
}

// The latents by the same plan from the same pages and nothing else: what the memory gives for this order.
__global__ void read_latents(MlaDecode p, uint32_t* to) {
  const int chunks = p.page * (p.rank + p.rope) / 8, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  uint32_t sum = 0;
  for (int index = blockIdx.x; index >= 0; index = p.items[index].next) {
    const MlaItem item = p.items[index];
    for (int key = item.first + threadIdx.x / 32 * p.page; key < item.last; key += warps * p.page) {
      const int64_t page = p.table[item.sequence * p.table_stride + key / p.page];
      const auto* from = reinterpret_cast<const uint4*>(static_cast<const Bf16*>(p.pages) + page * p.page_stride);
      for (int first = lane; first < chunks; first += 8 * 32) {
        uint4 value[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) value[i] = __ldcs(from + min(first + i * 32, chunks - 1));
#pragma unroll
        for (int i = 0; i < 8; ++i) sum ^= value[i].x ^ value[i].y ^ value[i].z ^ value[i].w;
      }
    }
  }
  if (sum == 0x12345678) *to = sum;
}

void check(Results& results, bool quick) {
  const std::vector<int32_t> ragged = {1, 700, 64, 65, 333, 1999, 15, 16, 128, 4097};
  for (const auto [rank, rope] : {std::pair{128, 32}, {160, 64}}) {
    for (const int s_q : {1, 2, 3, 8}) {
      check_shape(results, {s_q, 32, rank, rope, 64, ragged}, "ragged");
      if (quick) return;
    }
    check_shape(results, {1, 32, rank, rope, 64, {0, 5, 0}}, "empty ones");
    check_shape(results, {4, 32, rank, rope, 64, {2, 70}}, "shorter than s_q");
    for (const int heads : {1, 5, 16, 24, 64}) check_shape(results, {1, heads, rank, rope, 64, {100, 3000}}, "two");
    check_shape(results, {2, 12, rank, rope, 16, {100, 1000, 17}}, "three");
    check_shape(results, {1, 32, rank, rope, 7, {100, 1000, 17}}, "three");
    check_shape(results, {1, 32, rank, rope, 64, {65537}}, "64k", 7);
    check_shape(results, {1, 32, rank, rope, 64, {131072, 9}}, "128k", 17);
    check_shape(results, {1, 32, rank, rope, 64, {1048576}}, "1M", 31);
  }
  for (const auto [rank, rope] :
       {std::pair{16, 0}, {16, 16}, {48, 16}, {64, 32}, {128, 64}, {256, 64}, {272, 32}, {512, 64}, {1024, 64}}) {
    for (const int s_q : {1, 5}) check_shape(results, {s_q, 24, rank, rope, 64, {1, 33, 700}}, "three");
  }
}

void time(Results& results) {
  struct Case {
    const char* name;
    Shape shape;
  };
  const auto even = [](int batch, int length) { return std::vector<int32_t>(static_cast<size_t>(batch), length); };
  std::vector<int32_t> ragged;
  Random random(5);
  for (int i = 0; i < 48; ++i) ragged.push_back(1 + random.below(65535));
  const std::vector<Case> cases = {{"48 x 32k", {1, 32, 128, 32, 64, even(48, 32768)}},
                                   {"48 ragged to 64k", {1, 32, 128, 32, 64, ragged}},
                                   {"48 x 4k", {1, 32, 128, 32, 64, even(48, 4096)}},
                                   {"256 x 1k", {1, 32, 128, 32, 64, even(256, 1024)}},
                                   {"1 x 128k", {1, 32, 128, 32, 64, even(1, 131072)}},
                                   {"1 x 4k", {1, 32, 128, 32, 64, even(1, 4096)}},
                                   {"48 x 32k, s_q 2", {2, 32, 128, 32, 64, even(48, 32768)}},
                                   {"48 x 32k, s_q 4", {4, 32, 128, 32, 64, even(48, 32768)}},
                                   {"48 x 32k", {1, 32, 160, 64, 64, even(48, 32768)}},
                                   {"48 ragged to 64k", {1, 32, 160, 64, 64, ragged}},
                                   {"48 x 4k", {1, 32, 160, 64, 64, even(48, 4096)}},
                                   {"48 x 32k, s_q 2", {2, 32, 160, 64, 64, even(48, 32768)}},
                                   {"48 x 8k", {1, 32, 512, 64, 64, even(48, 8192)}}};
  int32_t count = 0;
  const MlaForm* forms = mla_forms(&count);
  for (const Case& c : cases) {
    const Shape& s = c.shape;
    double keys = 0;
    for (const int32_t length : s.lengths) keys += length;
    const double rows = static_cast<double>(s.batch()) * s.s_q * s.heads;
    const double bytes = keys * s.width() * 2 + rows * (s.width() + s.rank) * 2;
    const int sets = std::max(1, static_cast<int>(std::ceil(4e8 / bytes)));
    Tensors t(s, sets, 17, false);
    {
      const Planned planned(t, forms[count - 1], multiprocessors() * 4, 0);
      Device<uint32_t> to(1);
      const double ms = time_ms(
          [&](int i, cudaStream_t stream) {
            MlaDecode p = planned.p;
            p.table += static_cast<int64_t>(i % sets) * s.batch() * p.table_stride;
            read_latents<<<p.blocks, 256, 0, stream>>>(p, to.get());
          },
          std::max(10, sets));
      results.timing(title(s, c.name) + ", only reading", ms, bytes);
    }
    for (const MlaForm* form = forms; form < forms + count; ++form) {
      const bool fixed = form->rank != 0;
      if (fixed && (form->rank != s.rank || form->rope != s.rope)) continue;
      if (!fixed && s.rank > 256 && form + 1 < forms + count) continue;
      if (!fixed && s.rank <= 256 && form + 1 == forms + count) continue;
      if (!runs_here(*form)) continue;
      const int blocks = multiprocessors() * (fixed ? form->blocks : s.rank > 256 ? 1 : 2);
      struct Way {
        int overhead;
        bool early;
      };
      for (const Way& way : {Way{128, true}, {128, false}, {512, true}}) {
        Planned planned(t, *form, blocks, way.overhead, way.early);
        const auto call = [&](int i, cudaStream_t stream) {
          MlaDecode p = planned.p;
          p.stream = stream;
          p.table += static_cast<int64_t>(i % sets) * s.batch() * p.table_stride;
          if (const char* error = launch_mla_decode(p, *form)) std::printf("%s\n", error), std::exit(2);
        };
        const double ms = time_ms(call, std::max(10, sets));
        results.timing(title(s, c.name) + ", " + form->name + (way.early ? "" : ", not early") + ", overhead " +
                           std::to_string(way.overhead),
                       ms, bytes);
      }
    }
  }
}

const Suite suite("mla_decode", check, time);

}  // namespace
}  // namespace zebra::cuda_check
