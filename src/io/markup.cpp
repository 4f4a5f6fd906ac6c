#include "io/markup.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string svg_begin(double width, double height) {
  return cat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", fixed(width, 0), " ", fixed(height, 0),
             "\" font-family=\"sans-serif\" font-size=\"12\">\n");
}

std::string svg_text(double x, double y, const std::string& anchor, std::string_view text) {
  return cat("<text x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" text-anchor=\"", anchor, "\">", escaped(text),
             "</text>\n");
}

std::string svg_rect(double x, double y, double width, double height, const std::string& fill, std::string_view title) {
  return cat("<rect x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" width=\"", fixed(width, 1), "\" height=\"",
             fixed(height, 1), "\" fill=\"", fill, "\"><title>", escaped(title), "</title></rect>\n");
}

}  // namespace zebra
