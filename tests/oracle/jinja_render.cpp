// jinja_render TEMPLATE NOW: variables as JSON lines on stdin; on stdout a line each, {"text"} or {"error"}.
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "data/jinja/jinja.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  try {
    const auto made = zebra::jinja::Template::parse(zebra::read_file(arguments[1]), arguments[1]);
    zebra::jinja::Limits limits;
    limits.now = std::atoll(arguments[2]);
    for (std::string line; std::getline(std::cin, line);) {
      zebra::Json out;
      try {
        out["text"] = made.render(zebra::parse_json(line, "stdin"), limits);
      } catch (const zebra::Error& error) {
        out["error"] = error.what();
      }
      std::cout << out.dump() << '\n';
    }
  } catch (const zebra::Error& error) {
    std::cerr << error.what() << '\n';
    return error.exit_code();
  }
}
