#pragma once
// Attention of one to eight new tokens a sequence on the cached latents of MLA, with kv_b_proj absorbed: every head
// reads the same key [R + rope] and, as value, its first R entries. b batch, s_q query length, h heads, R kv rank.
#include <cstdint>

#include "kernels/cuda/mla_decode/plan.h"

namespace zebra::kernels {

struct MlaDecode {
  int32_t batch, s_q, heads, rank, rope, page;  // rank and rope are multiples of 16; page: tokens of a page
  float scale;
  const void* q;  // bf16 [b, s_q, h, R + rope], aligned to 16 bytes
  int64_t q_batch, q_token, q_head;
  const void* pages;  // bf16 [pages, page, R + rope], tokens contiguous
  int64_t page_stride;
  const int32_t* table;  // [b, ..] numbers of a sequence's pages; what lies behind its last page is not looked at
  int64_t table_stride;
  void* out;  // bf16 [b, s_q, h, R]; zeros for a query that sees nothing
  int64_t out_batch, out_token, out_head;
  float* log_sum;  // [b, s_q, h] base-2 logarithm of the sum of exponentials, or null

  // The plan, on the device: for lengths that include the s_q new tokens; query i sees the first length - s_q + i + 1.
  const MlaItem* items;
  const MlaParts* units;
  int32_t blocks, unit_count, parts;
  // Workspace: partial results [parts, rows, R] and their logarithms [parts, rows], which a second kernel joins.
  float* part_out;
  float* part_log_sum;
  // The plan and the table are older than the kernel before this one in the stream: blocks may come and read them while
  // that one ends.
  bool early;
  void* stream;  // cudaStream_t
};

// One compiled form of the kernel.
struct MlaForm {
  const char* name;
  int32_t rank, rope;       // 0: any
  int32_t rows;             // of queries and heads that an item takes
  int32_t keys;             // a page must be a multiple of it, and a plan's grain
  int32_t threads, blocks;  // of a block; blocks that share a multiprocessor
  int64_t shared_bytes;
  const char* (*launch)(const MlaDecode& p, const MlaForm& form);
};

// All forms that are compiled in; the general one is last.
const MlaForm* mla_forms(int32_t* count);
// The form for these sizes on the current device: null, and *error set, where there is none.
const MlaForm* choose_mla_form(const MlaDecode& p, const char** error);
// Null, or what is wrong. The call is asynchronous on p.stream.
const char* launch_mla_decode(const MlaDecode& p, const MlaForm& form);

}  // namespace zebra::kernels
