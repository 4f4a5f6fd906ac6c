#pragma once
// What this machine is, for people and beside measured figures.
#include <cstdint>
#include <string>
#include <vector>

namespace zebra {

// Of one process. OpenMP ends a program that asks for more than the system gives, without a sentence.
constexpr int64_t kMostThreads = 1024;

std::string processor_name();          // "unknown" where the system does not say
int processor_cores();                 // that this process may use
double memory_bytes();                 // of the machine
std::vector<std::string> gpu_names();  // as NVIDIA's driver lists them

}  // namespace zebra
