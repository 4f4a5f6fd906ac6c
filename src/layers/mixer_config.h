#pragma once
// The configuration of a mixer of any kind, as a value.
#include <concepts>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "layers/attention_config.h"

namespace zebra {

class MixerConfig {
 public:
  MixerConfig() : MixerConfig(AttentionConfig()) {}
  template <class Config>
    requires(!std::same_as<std::remove_cvref_t<Config>, MixerConfig>)
  MixerConfig(Config config) : held_(std::make_unique<Held<Config>>(std::move(config))) {}
  MixerConfig(const MixerConfig& other) : held_(other.held_->clone()) {}
  MixerConfig(MixerConfig&&) = default;
  MixerConfig& operator=(MixerConfig other) {
    held_ = std::move(other.held_);
    return *this;
  }

  const MixerFacts* operator->() const { return held_.get(); }
  bool operator==(const MixerConfig& other) const { return held_->equals(*other.held_); }
  bool same_kind(const MixerConfig& other) const { return typeid(*held_) == typeid(*other.held_); }
  // The same mixer with every field that does not matter at its default, so that == compares what is computed.
  MixerConfig canonical() const { return MixerConfig(held_->canonical()); }

  // The configuration itself, for the folders that a kind has as its own; null if it is of another kind.
  template <class Config>
  Config* as() {
    auto* held = dynamic_cast<Held<Config>*>(held_.get());
    return held ? &held->config : nullptr;
  }
  template <class Config>
  const Config* as() const {
    return const_cast<MixerConfig*>(this)->as<Config>();
  }
  // Where it must be of that kind: std::bad_cast.
  template <class Config>
  Config& get() {
    return dynamic_cast<Held<Config>&>(*held_).config;
  }
  template <class Config>
  const Config& get() const {
    return const_cast<MixerConfig*>(this)->get<Config>();
  }
  template <class Config>
  bool is() const {
    return as<Config>() != nullptr;
  }

 private:
  class Any : public MixerFacts {
   public:
    virtual std::unique_ptr<Any> clone() const = 0;
    virtual std::unique_ptr<Any> canonical() const = 0;
    virtual bool equals(const Any& other) const = 0;
  };
  template <class Config>
  class Held;
  explicit MixerConfig(std::unique_ptr<Any> held) : held_(std::move(held)) {}

  std::unique_ptr<Any> held_;  // null only where it has been moved from
};

template <class Config>
class MixerConfig::Held final : public Any {
 public:
  explicit Held(Config given) : config(std::move(given)) {}
  const char* kind() const override { return Config::kKind; }
  const char* key() const override { return Config::kKey; }
  const char* colour() const override { return Config::kColour; }
  int64_t hidden() const override { return config.hidden; }
  int64_t heads() const override { return config.heads; }
  std::string shape() const override { return config.shape(); }
  void describe(Json& out) const override { config.describe(out); }
  void check(const ConfigChecks& checks) const override { config.check(checks); }
  double weights() const override { return config.weights(); }
  int64_t cached_values() const override { return config.cached_values(); }
  int64_t window() const override { return config.window(); }
  StateSize state() const override { return config.state(); }
  double flops(double seen) const override { return config.flops(seen); }
  AttentionConfig replaced() const override { return config.replaced(); }
  Resemblance resemblance() const override { return Config::kResemblance; }
  std::unique_ptr<Any> clone() const override { return std::make_unique<Held>(config); }
  std::unique_ptr<Any> canonical() const override { return std::make_unique<Held>(config.canonical()); }
  bool equals(const Any& other) const override {
    const auto* same = dynamic_cast<const Held*>(&other);
    return same && config == same->config;
  }

  Config config;
};

}  // namespace zebra
