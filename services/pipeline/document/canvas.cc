#include "services/pipeline/document/canvas.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace embudo::pipeline::document {
namespace {

/// Covers Latin, Greek, Cyrillic, Arabic and Hebrew; for others Pango looks among the fonts that there are.
constexpr char kFont[] = "DejaVu Sans";

double Points(int pango_units) { return static_cast<double>(pango_units) / PANGO_SCALE; }

/// Characters that control something are none to print. A run of Latin letters about as long as a line gets places to
/// break it at, since Pango takes very long to find such places itself.
std::string Printable(std::string_view text) {
  constexpr size_t kLongRun = 40;
  constexpr std::string_view kBreak = "\u200b";
  std::string out;
  out.reserve(text.size());
  size_t run = 0;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) c = ' ';
    run = c == ' ' || c == '\n' || byte >= 0x80 ? 0 : run + 1;
    if (run > kLongRun) {
      out += kBreak;
      run = 1;
    }
    out += c;
  }
  return out;
}

void SetColor(cairo_t* cairo, const Color& color) { cairo_set_source_rgb(cairo, color.red, color.green, color.blue); }

}  // namespace

Text::Text(cairo_t* cairo, std::string_view text, double width, const Style& style)
    : layout_(pango_cairo_create_layout(cairo)), color_(style.color) {
  // Glyphs stand where the font wants them, not on the grid of a screen.
  PangoContext* context = pango_layout_get_context(layout_.get());
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context, FALSE);

  PangoFontDescription* font = pango_font_description_new();
  pango_font_description_set_family_static(font, kFont);
  pango_font_description_set_absolute_size(font, style.size * PANGO_SCALE);
  pango_font_description_set_weight(font, style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description(layout_.get(), font);
  pango_font_description_free(font);
  if (width != kUnbounded) pango_layout_set_width(layout_.get(), static_cast<int>(width * PANGO_SCALE));
  pango_layout_set_wrap(layout_.get(), PANGO_WRAP_WORD_CHAR);
  pango_layout_set_alignment(layout_.get(), style.align == Align::kRight ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
  // The amounts' column stays where it is, whichever way its text is read.
  if (style.align == Align::kRight) pango_layout_set_auto_dir(layout_.get(), FALSE);
  if (style.max_lines > 0) {
    pango_layout_set_height(layout_.get(), -style.max_lines);
    pango_layout_set_ellipsize(layout_.get(), PANGO_ELLIPSIZE_END);
  }
  std::string shown = Printable(text);
  if (style.max_lines > 0) {
    // Pango counts the lines of each paragraph, we those of all.
    int lines = 0;
    const auto end =
        std::find_if(shown.begin(), shown.end(), [&](char c) { return c == '\n' && ++lines == style.max_lines; });
    if (end != shown.end()) shown.replace(end, shown.end(), "…");
  }
  pango_layout_set_text(layout_.get(), shown.data(), static_cast<int>(shown.size()));
}

double Text::width() const {
  int width = 0;
  pango_layout_get_size(layout_.get(), &width, nullptr);
  return Points(width);
}

double Text::height() const {
  int height = 0;
  pango_layout_get_size(layout_.get(), nullptr, &height);
  return Points(height);
}

Canvas::Canvas(cairo_t* cairo, bool drawing, std::function<void(int)> on_page)
    : cairo_(cairo), drawing_(drawing), on_page_(std::move(on_page)) {}

void Canvas::NewPage() {
  if (drawing_) cairo_show_page(cairo_);
  ++page_;
  y_ = kMargin;
  on_page_(page_);
  if (on_continue_) on_continue_();
}

double Canvas::Put(const Text& text, double x, double y) {
  if (drawing_) {
    SetColor(cairo_, text.color());
    cairo_move_to(cairo_, x, y);
    pango_cairo_show_layout(cairo_, text.layout());
  }
  return text.height();
}

void Canvas::PutFitting(std::string_view text, double x, double y, double width, const Style& style) {
  Style plain = style;
  plain.align = Align::kLeft;
  const Text line = Lay(text, kUnbounded, plain);
  const double natural = line.width();
  const double scale = natural > width ? width / natural : 1;
  if (style.align == Align::kRight) x += width - natural * scale;
  if (!drawing_) return;
  cairo_save(cairo_);
  cairo_translate(cairo_, x, y + line.height() * (1 - scale) / 2);
  cairo_scale(cairo_, scale, scale);
  Put(line, 0, 0);
  cairo_restore(cairo_);
}

void Canvas::Flow(const Text& text, double x) {
  PangoLayoutIter* line = pango_layout_get_iter(text.layout());
  do {
    PangoRectangle box;
    pango_layout_iter_get_line_extents(line, nullptr, &box);
    const double above = Points(pango_layout_iter_get_baseline(line) - box.y);
    Need(Points(box.height));
    if (drawing_) {
      SetColor(cairo_, text.color());
      cairo_move_to(cairo_, x + Points(box.x), y_ + above);
      pango_cairo_show_layout_line(cairo_, pango_layout_iter_get_line_readonly(line));
    }
    y_ += Points(box.height);
  } while (pango_layout_iter_next_line(line) != 0);
  pango_layout_iter_free(line);
}

void Canvas::Rule(double x, double y, double width, const Color& color) {
  if (!drawing_) return;
  SetColor(cairo_, color);
  cairo_set_line_width(cairo_, 0.6);
  cairo_move_to(cairo_, x, y);
  cairo_rel_line_to(cairo_, width, 0);
  cairo_stroke(cairo_);
}

void Canvas::Fill(double x, double y, double width, double height, const Color& color) {
  if (!drawing_) return;
  SetColor(cairo_, color);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_fill(cairo_);
}

void Canvas::PutMark(const std::string& mark) {
  if (!drawing_ || mark.empty()) return;
  const Text text = Lay(mark, kUnbounded, {.size = 96, .bold = true, .color = kMark});
  cairo_save(cairo_);
  cairo_translate(cairo_, kPageWidth / 2, kPageHeight / 2);
  cairo_rotate(cairo_, -std::atan2(kPageHeight, kPageWidth));
  Put(text, -text.width() / 2, -text.height() / 2);
  cairo_restore(cairo_);
}

}  // namespace embudo::pipeline::document
