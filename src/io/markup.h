#pragma once
// The few pieces that our SVG pictures and HTML pages are written with.
#include <string>
#include <string_view>
#include <vector>

namespace zebra {

std::string escaped(std::string_view text);  // as content or as a quoted attribute

std::string svg_begin(double width, double height);  // with its font; ends with "</svg>\n"
std::string svg_text(double x, double y, const std::string& anchor, std::string_view text,
                     const std::string& colour = "#1d2733");
std::string svg_slanted(double x, double y, std::string_view text);  // rising to the right, ending at (x, y)
// `title` is what a pointer over it shows.
std::string svg_rect(double x, double y, double width, double height, const std::string& fill, std::string_view title);

// A page that needs no other file; `body` follows its headline.
std::string html_page(std::string_view title, std::string_view body);
std::string html_row(const std::vector<std::string>& cells, const std::string& tag = "td");

}  // namespace zebra
