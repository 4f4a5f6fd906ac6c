#pragma once
// The few pieces that our SVG pictures and HTML pages are written with.
#include <string>
#include <string_view>

namespace zebra {

std::string escaped(std::string_view text);  // as content or as a quoted attribute

std::string svg_begin(double width, double height);  // with its font; ends with "</svg>\n"
std::string svg_text(double x, double y, const std::string& anchor, std::string_view text);
// `title` is what a pointer over it shows.
std::string svg_rect(double x, double y, double width, double height, const std::string& fill, std::string_view title);

}  // namespace zebra
