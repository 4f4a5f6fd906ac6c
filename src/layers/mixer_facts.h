#pragma once
// What a kind of mixer tells of a layer, so that nobody else needs to know which kind it is. Every configuration
// (layers/*_config.h) answers all of it, or it is none.
#include <cstdint>
#include <string>

#include "io/json_fwd.h"

namespace zebra {

class ConfigChecks;
struct AttentionConfig;

// Numbers that a sequence holds whatever its length: in fp32 at least, and in the type of the cache.
struct StateSize {
  int64_t fp32 = 0, any = 0;
};

// How well a mixer's shape tells which attention it stands for.
enum class Resemblance { guess, heads, whole };

class MixerFacts {
 public:
  virtual ~MixerFacts() = default;
  virtual const char* kind() const = 0;    // "mla": as flags, cards and reports name it
  virtual const char* key() const = 0;     // "mla": the folder name of its parameters inside a layer
  virtual const char* colour() const = 0;  // of it in pictures
  virtual int64_t hidden() const = 0;
  virtual int64_t heads() const = 0;
  virtual std::string shape() const = 0;                     // "kv rank 24, q exact, rope 8, ..."
  virtual void describe(Json& out) const = 0;                // the same by keys
  virtual void check(const ConfigChecks& checks) const = 0;  // whether every number can be computed with
  virtual double weights() const = 0;                        // to within the small vectors
  virtual int64_t cached_values() const = 0;                 // that one more token adds to the cache
  virtual int64_t window() const = 0;                        // that bounds the cache, 0 = none
  virtual StateSize state() const = 0;
  virtual double flops(double seen) const = 0;  // of a token that sees so many, without the projections
  virtual AttentionConfig replaced() const = 0;
  virtual Resemblance resemblance() const = 0;                            // of replaced()
  bool converted() const { return resemblance() != Resemblance::whole; }  // it stands where attention was
};

}  // namespace zebra
