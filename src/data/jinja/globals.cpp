// Functions that are there without being given.
#include <algorithm>

#include "data/jinja/builtins.h"
#include "data/jinja/call.h"

namespace zebra::jinja {

namespace {

Value range(const List& places, const Named& names, Budget& budget) {
  const Call call(places, names, {"", " ", "  "}, budget);
  const int64_t step = call.integer(2, 1), begin = call.has(1) ? call.integer(0, 0) : 0;
  const int64_t end = call.has(1) ? call.integer(1, 0) : call.integer(0, 0);
  if (step == 0) throw Fault{"range with a step of 0"};
  const __int128 gap = static_cast<__int128>(end) - begin, wide = step;
  const __int128 count = (gap < 0) != (step < 0) ? 0 : (gap + wide - (step > 0 ? 1 : -1)) / wide;
  // jinja2's sandbox has the same limit.
  if (count > 100000) throw Fault{"a range of more than 100000 numbers"};
  budget.make(static_cast<int64_t>(count) * static_cast<int64_t>(sizeof(Value)));
  List out;
  for (__int128 i = 0; i < count; ++i) out.emplace_back(static_cast<int64_t>(begin + i * wide));
  return Value::list(std::move(out));
}

// namespace() and dict().
Value mapping(const List& places, const Named& names, bool space, Budget& budget) {
  Dict items;
  if (!places.empty() && places[0].is_dict()) {
    pay(places[0].dict(), budget);
    items = places[0].dict();
  }
  for (const auto& [key, value] : names) {
    if (space && key.starts_with('_')) throw Fault{"a namespace cannot hold \"" + key + "\""};
    budget.make(static_cast<int64_t>(key.size() + sizeof(Dict::value_type)));
    budget.read(static_cast<int64_t>(items.size()));
    const auto found = std::find_if(items.begin(), items.end(), [&](const auto& e) { return e.first == key; });
    if (found != items.end())
      found->second = value;
    else
      items.emplace_back(key, value);
  }
  return Value::dict(std::move(items), space);
}

}  // namespace

Value global(const std::string& name, std::time_t now, Budget& budget) {
  if (name == "raise_exception") {
    return Value::function([&budget](const List& places, const Named&) -> Value {
      throw Fault{"the template says: " + (places.empty() ? "nothing" : to_text(places.front(), budget))};
    });
  }
  if (name == "strftime_now") {
    return Value::function([now](const List& places, const Named&) {
      if (places.size() != 1 || !places[0].is_text() || places[0].text().size() > 256) {
        throw Fault{"strftime_now expects one short format"};
      }
      char text[4096];
      const std::time_t time = std::time(nullptr);
      std::tm parts{};
      now != 0 ? gmtime_r(&now, &parts) : localtime_r(&time, &parts);
      return Value::text(std::string(text, std::strftime(text, sizeof text, places[0].text().c_str(), &parts)));
    });
  }
  if (name == "range") {
    return Value::function([&budget](const List& places, const Named& names) { return range(places, names, budget); });
  }
  if (name == "namespace" || name == "dict") {
    return Value::function([space = name == "namespace", &budget](const List& places, const Named& names) {
      return mapping(places, names, space, budget);
    });
  }
  return Value::undefined(name);
}

}  // namespace zebra::jinja
