#pragma once

#include <cairo.h>
#include <pango/pangocairo.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace embudo::pipeline::document {

/// Points of A4 paper, and what is left free at its edges.
inline constexpr double kPageWidth = 595.28;
inline constexpr double kPageHeight = 841.89;
inline constexpr double kMargin = 51;
inline constexpr double kWidth = kPageWidth - 2 * kMargin;
/// A width that no line ever reaches.
inline constexpr double kUnbounded = -1;
/// Where a page's own text ends; its foot stands below.
inline constexpr double kBottom = kPageHeight - 62;

struct Color {
  double red, green, blue;
};
inline constexpr Color kInk{0.13, 0.15, 0.18};
inline constexpr Color kFaint{0.42, 0.45, 0.50};
inline constexpr Color kAccent{0.10, 0.27, 0.46};
inline constexpr Color kRule{0.80, 0.82, 0.85};
inline constexpr Color kFill{0.94, 0.95, 0.97};
inline constexpr Color kMark{0.90, 0.91, 0.93};

enum class Align { kLeft, kRight };

struct Style {
  double size = 8.5;
  bool bold = false;
  Color color = kInk;
  Align align = Align::kLeft;
  /// Longer texts end in an ellipsis; 0: all lines.
  int max_lines = 0;
};

/// Text laid out into lines. Holds what Pango made of it.
class Text {
 public:
  Text(cairo_t* cairo, std::string_view text, double width, const Style& style);

  double width() const;
  double height() const;
  PangoLayout* layout() const { return layout_.get(); }
  const Color& color() const { return color_; }

 private:
  struct Unref {
    void operator()(PangoLayout* layout) const { g_object_unref(layout); }
  };
  std::unique_ptr<PangoLayout, Unref> layout_;
  Color color_;
};

/// Pages from top to bottom: what does not fit goes on to the next one. Made twice, once to count the pages.
class Canvas {
 public:
  /// `drawing`: false to lay out only. `on_page` is called at the start of each page, with its number.
  Canvas(cairo_t* cairo, bool drawing, std::function<void(int page)> on_page);

  void Start() { on_page_(page_); }
  int page() const { return page_; }
  double y() const { return y_; }
  void MoveTo(double y) { y_ = y; }
  void Skip(double height) { y_ += height; }
  bool Fits(double height) const { return y_ + height <= kBottom; }
  void NewPage();
  /// Begins a new page unless so much fits.
  void Need(double height) {
    if (!Fits(height)) NewPage();
  }
  /// Called after the start of each page while it is set; a table's head.
  void OnContinue(std::function<void()> on_continue) { on_continue_ = std::move(on_continue); }

  Text Lay(std::string_view text, double width, const Style& style) const { return {cairo_, text, width, style}; }
  /// Draws at a place; returns the height. Does not move.
  double Put(const Text& text, double x, double y);
  double Put(std::string_view text, double x, double y, double width, const Style& style) {
    return Put(Lay(text, width, style), x, y);
  }
  /// One line, made smaller where it is wider.
  void PutFitting(std::string_view text, double x, double y, double width, const Style& style);
  /// Draws from here on, line by line, over as many pages as it takes.
  void Flow(const Text& text, double x);
  void Rule(double x, double y, double width, const Color& color = kRule);
  void Fill(double x, double y, double width, double height, const Color& color);
  /// Large and slanting across the page.
  void PutMark(const std::string& mark);

 private:
  cairo_t* cairo_;
  const bool drawing_;
  const std::function<void(int)> on_page_;
  std::function<void()> on_continue_;
  int page_ = 1;
  double y_ = kMargin;
};

}  // namespace embudo::pipeline::document
