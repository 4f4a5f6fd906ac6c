// safetensors_verdicts FILE: files one after the other on stdin, each after its length in decimal and a newline; on
// stdout a line each, "ok" or the error of the reader. FILE is where each is put.
#include <fstream>
#include <iostream>
#include <string>

#include "base/error.h"
#include "io/safetensors.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  for (std::string line; std::getline(std::cin, line);) {
    std::string bytes(std::stoul(line), '\0');
    std::cin.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::ofstream(arguments[1], std::ios::binary) << bytes;
    try {
      const zebra::SafetensorsFile file(arguments[1]);
      std::cout << "ok\n";
    } catch (const zebra::Error& error) {
      std::cout << error.what() << '\n';
    }
  }
}
