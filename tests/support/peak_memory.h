#pragma once
// How much memory for tensors (CPU) a piece of a program holds at most, beyond what was there before.
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace zebra::testing {

class MemoryReport : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*pointer*/, int64_t bytes, size_t, size_t, c10::Device) override {
    const std::lock_guard lock(mutex_);
    now_ += bytes;
    peak_ = std::max(peak_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }

 private:
  std::mutex mutex_;
  int64_t now_ = 0, peak_ = 0;
};

inline int64_t peak_bytes(const std::function<void()>& body) {
  const auto report = std::make_shared<MemoryReport>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, report);
  body();
  return report->peak();
}

}  // namespace zebra::testing
