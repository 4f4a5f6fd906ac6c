#pragma once
// How the latents of a batch of any lengths are shared out among the blocks of a GPU. No CUDA in here: the plan is made
// on the host, from lengths that the host knows, and copied to the device.
#include <cstdint>
#include <vector>

namespace zebra::kernels {

// What one block does at a time: rows [row_block * rows, ..) of one sequence against its keys [first, last). All that a
// block must know lies here, so that it asks for its first latents after two loads.
struct MlaItem {
  int32_t sequence, row_block;
  int32_t first, last;  // first is a multiple of the grain
  int32_t part;         // where its partial result goes, or -1: it is the only one and writes the output itself
  int32_t unit;         // sequence * row_blocks + row_block
  int32_t length;       // of the sequence
  int32_t next;         // the block's next item, or -1
};
// The parts of a unit: [first, first + count), count 0 where one item did it all.
struct MlaParts {
  int32_t first, count;
};
struct MlaPlan {
  std::vector<MlaItem> items;  // block i begins with item i
  std::vector<MlaParts> units;
  int32_t blocks = 0;  // no more than asked for
  int32_t parts = 0;   // partial results in all
};

struct MlaPlanShape {
  int32_t row_blocks = 1;  // blocks of rows of a sequence
  int32_t blocks = 1;      // of the grid
  int32_t grain = 64;      // keys: a sequence is cut at multiples of it
  // Keys that could be read in the time that beginning and ending an item takes. On an H200 512 was 3 to 7 % faster for
  // many long sequences of one new token at rank 128, 128 everywhere else.
  int32_t overhead = 128;
};

// Every key of every unit in exactly one item; blocks differ by little more than a grain in keys plus overhead.
MlaPlan plan_mla_decode(const std::vector<int32_t>& lengths, const MlaPlanShape& shape);

}  // namespace zebra::kernels
