#pragma once
// Filters, tests, methods and global functions of templates.
#include <ctime>
#include <string>

#include "data/jinja/value.h"

namespace zebra::jinja {

// What a rendering may still use up; Fault when it is spent.
class Budget {
 public:
  Budget(int64_t steps, int64_t bytes) : steps_(steps), bytes_(bytes), all_steps_(steps), all_bytes_(bytes) {}
  void step() {
    if (--steps_ < 0) throw Fault{"more than " + std::to_string(all_steps_) + " steps: the template may never end"};
  }
  // Called before something of that size is made.
  void make(int64_t bytes) {
    bytes_ -= bytes;
    if (bytes_ < 0) throw Fault{"more than " + std::to_string(all_bytes_) + " bytes of texts and lists"};
  }

 private:
  int64_t steps_, bytes_, all_steps_, all_bytes_;
};

bool is_filter(const std::string& name);
bool is_test(const std::string& name);
Value apply_filter(const std::string& name, const Value& value, const List& places, const Named& names, Budget& budget);
bool apply_test(const std::string& name, const Value& value, const List& places, Budget& budget);

// What `value.name` gives; undefined if there is nothing of that name. Fault for attributes of undefined values.
Value attribute(const Value& value, const std::string& name, Budget& budget);
Value item(const Value& value, const Value& key, Budget& budget);  // value[key]
Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget);
bool contains(const Value& container, const Value& value, Budget& budget);
List elements(const Value& value, Budget& budget);  // what a loop runs over; Fault if it cannot

// raise_exception, strftime_now, range, namespace, dict; undefined for other names.
Value global(const std::string& name, std::time_t now, Budget& budget);

}  // namespace zebra::jinja
