#include "io/markup.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr const char* kStyle =
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1d2733;background:#fff}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #e3e7eb;padding:.2em .8em .2em 0;"
    "text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}"
    "pre{background:#f4f6f8;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}"
    "svg{max-width:100%;height:auto;display:block;margin:.6em 0}.note{color:#5c6b7a}.wide{overflow-x:auto}";

}  // namespace

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

std::string svg_text(double x, double y, const std::string& anchor, std::string_view text, const std::string& colour) {
  return cat("<text x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" text-anchor=\"", anchor, "\" fill=\"", colour,
             "\">", escaped(text), "</text>\n");
}

std::string svg_slanted(double x, double y, std::string_view text) {
  const std::string place = fixed(x, 1) + " " + fixed(y, 1);
  return cat("<text transform=\"translate(", place, ") rotate(-40)\" text-anchor=\"end\">", escaped(text), "</text>\n");
}

std::string svg_rect(double x, double y, double width, double height, const std::string& fill, std::string_view title) {
  return cat("<rect x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" width=\"", fixed(width, 1), "\" height=\"",
             fixed(height, 1), "\" fill=\"", fill, "\"><title>", escaped(title), "</title></rect>\n");
}

std::string html_page(std::string_view title, std::string_view body) {
  const std::string name = escaped(title);
  return cat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", name,
             "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>", name, "</h1>\n", body,
             "</body>\n</html>\n");
}

std::string html_row(const std::vector<std::string>& cells, const std::string& tag) {
  std::string out = "<tr>";
  for (const auto& cell : cells) out += cat("<", tag, ">", escaped(cell), "</", tag, ">");
  return out + "</tr>\n";
}

}  // namespace zebra
