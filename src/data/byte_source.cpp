#include "data/byte_source.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"

namespace zebra {

namespace {

constexpr size_t kChunk = size_t{1} << 18;

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const fs::path& path) : path_(path.string()), buffer_(kChunk), file_(open_input(path)) {}

  std::string_view next() override {
    for (;;) {
      const ssize_t got = ::read(file_.number(), buffer_.data(), buffer_.size());
      if (got >= 0) return {buffer_.data(), static_cast<size_t>(got)};
      if (errno != EINTR) fail_input(path_, ": reading failed: ", std::strerror(errno));
    }
  }

 private:
  std::string path_;
  std::vector<char> buffer_;
  Descriptor file_;
};

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(const fs::path& path) : path_(path.string()), packed_(path), buffer_(kChunk) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail(ErrorKind::memory, path_, ": unpacking cannot start");
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::string_view next() override {
    for (;;) {
      // The decoder may hold finished output without needing more input.
      if (stream_.avail_in == 0 && !full_) {
        const std::string_view more = packed_.next();
        if (more.empty()) {
          if (!between_members_) fail_input(path_, ": expected the end of the gzip data, found the end of the file");
          return {};
        }
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(more.data()));
        stream_.avail_in = static_cast<uInt>(more.size());
      }
      if (between_members_) inflateReset(&stream_);
      between_members_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        fail_input(path_, ": expected gzip data, found ", stream_.msg ? stream_.msg : "something else");
      }
      between_members_ = status == Z_STREAM_END;
      full_ = stream_.avail_out == 0 && !between_members_;
      const size_t got = buffer_.size() - stream_.avail_out;
      if (got > 0) return {buffer_.data(), got};
    }
  }

 private:
  std::string path_;
  PlainSource packed_;
  std::vector<char> buffer_;
  z_stream stream_{};
  bool between_members_ = false, full_ = false;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(const fs::path& path)
      : path_(path.string()), packed_(path), buffer_(kChunk), stream_(ZSTD_createDStream()) {
    if (!stream_) fail(ErrorKind::memory, path_, ": unpacking cannot start");
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }

  std::string_view next() override {
    for (;;) {
      if (input_.pos == input_.size && !full_) {
        const std::string_view more = packed_.next();
        if (more.empty()) {
          if (!between_frames_) fail_input(path_, ": expected the end of the zstd data, found the end of the file");
          return {};
        }
        input_ = {more.data(), more.size(), 0};
      }
      ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
      const size_t status = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(status)) fail_input(path_, ": expected zstd data, found ", ZSTD_getErrorName(status));
      between_frames_ = status == 0;
      full_ = output.pos == output.size && !between_frames_;
      if (output.pos > 0) return {buffer_.data(), output.pos};
    }
  }

 private:
  std::string path_;
  PlainSource packed_;
  std::vector<char> buffer_;
  ZSTD_DStream* stream_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool between_frames_ = false, full_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> ByteSource::open(const fs::path& path) {
  if (path.extension() == ".gz") return std::make_unique<GzipSource>(path);
  if (path.extension() == ".zst") return std::make_unique<ZstdSource>(path);
  return std::make_unique<PlainSource>(path);
}

}  // namespace zebra
