#include "io/event_file.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "io/crc32c.h"

namespace zebra {

namespace {

// Protocol buffers: a field is its number and kind in one byte, then the value. Those of
// tensorflow/core/util/event.proto and summary.proto that we write:
constexpr char kWallTime = 1 << 3 | 1;     // Event: double
constexpr char kStep = 2 << 3 | 0;         // Event: varint
constexpr char kFileVersion = 3 << 3 | 2;  // Event: bytes
constexpr char kSummary = 5 << 3 | 2;      // Event: message
constexpr char kValue = 1 << 3 | 2;        // Summary: message, repeated
constexpr char kTag = 1 << 3 | 2;          // Value: bytes
constexpr char kSimpleValue = 2 << 3 | 5;  // Value: float

template <class Number>
void append(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);  // little-endian, as is every machine that torch runs on
  out.append(bytes, sizeof number);
}

template <class Number>
Number number_at(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

void append_varint(std::string& out, uint64_t number) {
  for (; number >= 128; number >>= 7) out += static_cast<char>(number | 128);
  out += static_cast<char>(number);
}

void append_bytes(std::string& out, char field, std::string_view bytes) {
  out += field;
  append_varint(out, bytes.size());
  out += bytes;
}

std::string event_begin() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  std::string out(1, kWallTime);
  append(out, now.count());
  return out;
}

// Of an event in the order of event_begin(); 0 where it names none.
int64_t step_of(std::string_view event) {
  size_t at = 1 + sizeof(double);
  if (event.size() <= at || event[at] != kStep) return 0;
  uint64_t step = 0;
  for (int shift = 0; shift < 64 && ++at < event.size(); shift += 7) {
    step |= static_cast<uint64_t>(event[at] & 127) << shift;
    if (!(event[at] & 128)) break;
  }
  return static_cast<int64_t>(std::min(step, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())));
}

// A record: u64 length, its checksum, the event, its checksum.
constexpr size_t kHead = 8 + 4, kTail = 4;

std::optional<std::string_view> event_at(std::string_view content, size_t at) {
  if (content.size() - at < kHead + kTail) return std::nullopt;
  const auto length = number_at<uint64_t>(content, at);
  if (number_at<uint32_t>(content, at + 8) != masked_crc32c(content.substr(at, 8))) return std::nullopt;
  if (length > content.size() - at - kHead - kTail) return std::nullopt;
  const std::string_view event = content.substr(at + kHead, length);
  if (number_at<uint32_t>(content, at + kHead + length) != masked_crc32c(event)) return std::nullopt;
  return event;
}

// What a file holds that may be missing or damaged: it is only a log.
ReadableEvents readable_in(const fs::path& path, int64_t last_step) {
  if (!fs::is_regular_file(path)) return {};
  const MappedFile file(path);
  return readable_events({reinterpret_cast<const char*>(file.data()), file.size()}, last_step);
}

}  // namespace

ReadableEvents readable_events(std::string_view content, int64_t last_step) {
  ReadableEvents found;
  for (std::optional<std::string_view> event;
       (event = event_at(content, found.bytes)) && step_of(*event) <= last_step;) {
    found.bytes += kHead + event->size() + kTail;
    found.step = step_of(*event);
  }
  return found;
}

EventFile::EventFile(const fs::path& path, int64_t steps_done) : path_(path) {
  size_t kept = 0;
  if (steps_done > 0) {
    const ReadableEvents found = readable_in(path, steps_done);
    kept = found.bytes;
    if (found.step < steps_done) {
      log_warning(cat(path.string(), ": the events after step ", found.step, " of ", steps_done,
                      " are lost or cannot be read; those before are kept, and the run goes on"));
    }
  }
  file_.open(path, std::ios::binary | (kept > 0 ? std::ios::app : std::ios::trunc));
  if (!file_) fail(ErrorKind::disk, path.string(), ": cannot be written");
  if (kept > 0) {
    fs::resize_file(path, kept);
    return;
  }
  std::string event = event_begin();
  append_bytes(event, kFileVersion, "brain.Event:2");
  write(event);
}

void EventFile::add(int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    append_bytes(value, kTag, tag);
    value += kSimpleValue;
    append(value, static_cast<float>(number));
    append_bytes(summary, kValue, value);
  }
  std::string event = event_begin();
  event += kStep;
  append_varint(event, static_cast<uint64_t>(step));
  append_bytes(event, kSummary, summary);
  write(event);
}

void EventFile::write(const std::string& event) {
  std::string record;
  append(record, static_cast<uint64_t>(event.size()));
  append(record, masked_crc32c(record));
  record += event;
  append(record, masked_crc32c(event));
  file_.write(record.data(), static_cast<std::streamsize>(record.size())).flush();
  if (!file_) fail(ErrorKind::disk, path_.string(), ": writing failed; is the disk full?");
}

}  // namespace zebra
