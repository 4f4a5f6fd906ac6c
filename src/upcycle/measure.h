#pragma once
// The statistics of every attention layer on the teacher's own stream, in one pass, and the file that keeps them for
// the next conversion (docs/formats.md).
#include <functional>
#include <memory>

#include "upcycle/statistics.h"
#include "upcycle/streams.h"
#include "upcycle/teacher_blocks.h"

namespace zebra {

// Of one layer, at whose input the streams stand.
LayerStatistics observe(const Streams& streams, Block& block, const AttentionConfig& config);

using StatisticsOf = std::function<LayerStatistics(int64_t layer)>;

// One pass over the teacher with one layer in memory; `each` sees a loaded block of attention.
void measure_teacher(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                     at::Device device,
                     const std::function<void(int64_t layer, Block& block, const LayerStatistics&)>& each);

// All attention layers' at once, in memory: hidden^2 float64 numbers a layer.
StatisticsOf measured_statistics(const WeightSource& source, const ModelConfig& teacher, const Calibration& calibration,
                                 at::Device device);

// From `file`; where there is none it is measured and written first. Error(input) names what does not match: the
// teacher's weights, its rotation frequencies or shapes, the calibration.
StatisticsOf statistics_file(const fs::path& file, const WeightSource& source, const ModelConfig& teacher,
                             const Calibration& calibration, at::Device device);

}  // namespace zebra
