#pragma once
// Filters, tests, methods and global functions of templates.
#include <ctime>
#include <string>

#include "data/jinja/value.h"

namespace zebra::jinja {

bool is_filter(const std::string& name);
bool is_test(const std::string& name);
Value apply_filter(const std::string& name, const Value& value, const List& places, const Named& names, Budget& budget);
bool apply_test(const std::string& name, const Value& value, const List& places, Budget& budget);

// What `value.name` gives; undefined if there is nothing of that name. Fault for attributes of undefined values.
Value attribute(const Value& value, const std::string& name, Budget& budget);
Value item(const Value& value, const Value& key, Budget& budget);  // value[key]
Value slice(const Value& value, const Value& begin, const Value& end, const Value& step, Budget& budget);
bool contains(const Value& container, const Value& value, Budget& budget);
int64_t length(const Value& value);                 // Fault if it has none
void pay(const Dict& items, Budget& budget);        // before a copy of them is made
List elements(const Value& value, Budget& budget);  // what a loop runs over; Fault if it cannot

// raise_exception, strftime_now, range, namespace, dict; undefined for other names.
Value global(const std::string& name, std::time_t now, Budget& budget);

}  // namespace zebra::jinja
