#pragma once
// Archives like torch.save's, made byte by byte, so that tests can make wrong ones too.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace zebra::testing {

inline std::string little(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(i < sizeof(value) ? value >> (8 * i) : 0);
  return out;
}

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string out;
  ((out += parts), ...);
  return out;
}

using Records = std::vector<std::pair<std::string, std::string>>;

struct ZipWays {
  bool wide = false;  // sizes and places in the 64-bit extensions
  uint16_t method = 0, flags = 0;
  uint32_t more = 0;  // what the directory's sizes are too large by
};

inline std::string zip_archive(const Records& records, const ZipWays& ways = {}) {
  std::string out, directory;
  for (const auto& [name, bytes] : records) {
    const uint64_t at = out.size(), size = bytes.size() + ways.more;
    const uint64_t full = 0xffffffff;
    const std::string extra =
        ways.wide ? little(1, 2) + little(24, 2) + little(size, 8) + little(size, 8) + little(at, 8) : "";
    const auto sizes = [&](uint64_t n) {
      return ways.wide ? little(full, 4) + little(full, 4) : little(n, 4) + little(n, 4);
    };
    out += "PK\x03\x04" + little(20, 2) + little(ways.flags, 2) + little(ways.method, 2) + little(0, 8) +
           sizes(bytes.size()) + little(name.size(), 2) + little(0, 2) + name + bytes;
    directory += "PK\x01\x02" + little(20, 2) + little(20, 2) + little(ways.flags, 2) + little(ways.method, 2) +
                 little(0, 8) + sizes(size) + little(name.size(), 2) + little(extra.size(), 2) + little(0, 10) +
                 (ways.wide ? little(full, 4) : little(at, 4)) + name + extra;
  }
  const uint64_t begin = out.size(), count = records.size();
  out += directory;
  if (ways.wide) {
    const uint64_t end = out.size();
    out += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) + little(count, 8) +
           little(count, 8) + little(directory.size(), 8) + little(begin, 8);
    out += "PK\x06\x07" + little(0, 4) + little(end, 8) + little(1, 4);
    return out + "PK\x05\x06" + little(0, 4) + little(0xffff, 2) + little(0xffff, 2) + std::string(8, '\xff') +
           little(0, 2);
  }
  return out + "PK\x05\x06" + little(0, 4) + little(count, 2) + little(count, 2) + little(directory.size(), 4) +
         little(begin, 4) + little(0, 2);
}

// ---- Opcodes
inline std::string text(const std::string& value) {
  return joined("X", little(value.size(), 4), value);
}
inline std::string integer(int64_t value) {
  return joined("\x8a\x08", little(static_cast<uint64_t>(value), 8));
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const auto& item : items) out += item;
  return out + "t";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}
inline std::string storage(const std::string& type, const std::string& key, int64_t size) {
  return tuple({text("storage"), "ctorch\n" + type + "\n", text(key), text("cpu"), integer(size)}) + "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n" +
         tuple({storage, integer(offset), numbers(shape), numbers(strides), "\x89", "ccollections\nOrderedDict\n)R"}) +
         "R";
}
// A plain dictionary of values made by opcodes.
inline std::string dictionary(const Records& members) {
  std::string out = "\x80\x02}(";
  for (const auto& [name, value] : members) out += text(name) + value;
  return out + "u.";
}
inline std::string torch_archive(const std::string& pickle, const std::vector<std::string>& storages,
                                 const ZipWays& ways = {}) {
  Records records = {{"x/data.pkl", pickle}, {"x/byteorder", "little"}};
  for (size_t i = 0; i < storages.size(); ++i) records.emplace_back("x/data/" + std::to_string(i), storages[i]);
  return zip_archive(records, ways);
}

}  // namespace zebra::testing
