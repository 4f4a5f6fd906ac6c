#pragma once
// Receivers of JSON events that make documents of them.
#include <functional>
#include <string>
#include <vector>

#include "io/json_events.h"

namespace zebra {

// Adds a member under a key that is new, without ordered_map's search through all of them. The member stays where it is
// until the next one.
Json& append_member(Json& object, std::string key, Json value);

// One value, its keys distinct and in their order. `budget` bounds the memory that it takes, roughly.
class JsonBuilder : public JsonEvents {
 public:
  explicit JsonBuilder(std::string where, size_t budget = SIZE_MAX);
  void begin(bool object) override;
  void key(std::string& name) override;
  void scalar(Json& value) override;
  void end() override;
  bool done() const { return open_.empty() && any_; }
  Json take();  // the value, when done(); the builder is then ready for another

 private:
  void put(Json value, size_t cost);
  void spend(size_t bytes);

  std::string where_, key_;
  size_t budget_, left_;
  bool any_ = false;
  Json result_;
  std::vector<Json*> open_;  // only the innermost grows, so the outer pointers stay valid
  Json* last_ = nullptr;
};

// Takes no notice.
class JsonSkipper : public JsonEvents {
 public:
  void begin(bool) override {}
  void key(std::string&) override {}
  void scalar(Json&) override {}
  void end() override {}
};

// One object: the members that `route` has a receiver for go there (and are null in rest()), the others are kept.
class JsonMembers : public JsonEvents {
 public:
  using Route = std::function<JsonEvents*(const std::string& key)>;
  JsonMembers(std::string where, Route route);
  void begin(bool object) override;
  void key(std::string& name) override;
  void scalar(Json& value) override;
  void end() override;
  Json rest() { return rest_.take(); }

 private:
  std::string where_;
  Route route_;
  JsonBuilder rest_;
  JsonEvents* current_ = nullptr;
  size_t depth_ = 0;
};

}  // namespace zebra
