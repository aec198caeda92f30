#include "services/pipeline/document/quote_pdf.h"

#include <cairo-pdf.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/pipeline/document/canvas.h"

namespace embudo::pipeline::document {
namespace {

using google::type::Money;
using type::v1::Quote;
using type::v1::QuoteLine;

constexpr double kPadding = 4;
/// A row of up to this height is not parted by a page's end.
constexpr double kWholeRow = 200;

/// `1234567.5` as `1,234,567.5`, with at least so many decimals.
std::string Grouped(std::string number, int decimals) {
  size_t point = number.find('.');
  if (point == std::string::npos) {
    point = number.size();
    if (decimals > 0) number += '.';
  }
  const size_t wanted = decimals > 0 ? point + 1 + static_cast<size_t>(decimals) : 0;
  if (number.size() < wanted) number.append(wanted - number.size(), '0');
  const size_t first = number.starts_with('-') ? 1 : 0;
  for (size_t at = point; at > first + 3; number.insert(at, 1, ',')) at -= 3;
  return number;
}

std::string AmountText(const Money& money) {
  return Grouped(ToNumeric(money), CurrencyDecimals(money.currency_code()));
}
std::string WithCurrency(const Money& money) { return money.currency_code() + " " + AmountText(money); }

/// Empty for 0.
std::string PercentText(const std::string& percent) { return percent.empty() || percent == "0" ? "" : percent + " %"; }

/// A column of the table of lines; the description's takes what the others leave.
struct Column {
  const char* title;
  double width;
  std::string (*text)(const QuoteLine&);
};

std::vector<Column> ColumnsOf(const Quote& quote) {
  const auto any = [&](auto has) { return std::any_of(quote.lines().begin(), quote.lines().end(), has); };
  std::vector<Column> columns;
  columns.push_back({"Quantity", 56, [](const QuoteLine& line) { return Grouped(line.quantity(), 0); }});
  columns.push_back({"Unit price", 74, [](const QuoteLine& line) { return AmountText(line.unit_price()); }});
  if (any([](const QuoteLine& line) { return !PercentText(line.discount_percent()).empty(); })) {
    columns.push_back({"Discount", 52, [](const QuoteLine& line) { return PercentText(line.discount_percent()); }});
  }
  if (any([](const QuoteLine& line) { return !PercentText(line.tax_percent()).empty(); })) {
    columns.push_back({"Tax", 42, [](const QuoteLine& line) { return PercentText(line.tax_percent()); }});
  }
  columns.push_back({"Net amount", 80, [](const QuoteLine& line) { return AmountText(line.net_amount()); }});
  return columns;
}

/// Lays a quote out on a canvas.
class Layouter {
 public:
  /// `pages`: how many there will be; 0 while they are counted.
  Layouter(cairo_t* cairo, const QuoteSheet& sheet, int pages)
      : sheet_(sheet),
        quote_(sheet.quote),
        pages_(pages),
        columns_(ColumnsOf(sheet.quote)),
        canvas_(cairo, pages > 0, [this](int page) { StartPage(page); }) {}

  /// The number of pages.
  int Run() {
    canvas_.Start();
    PutHead();
    PutLines();
    PutTotals();
    PutTerms();
    PutSignature();
    return canvas_.page();
  }

 private:
  void StartPage(int page) {
    canvas_.PutMark(sheet_.mark);
    const double y = kPageHeight - 44;
    canvas_.Rule(kMargin, y - 6, kWidth);
    const std::string mark = sheet_.mark.empty() ? "" : "  ·  " + sheet_.mark;
    canvas_.Put(sheet_.issuer + "  ·  " + Title() + mark, kMargin, y, kWidth - 90,
                {.size = 7, .color = kFaint, .max_lines = 1});
    canvas_.Put("Page " + std::to_string(page) + " of " + std::to_string(pages_), kMargin + kWidth - 90, y, 90,
                {.size = 7, .color = kFaint, .align = Align::kRight});
  }

  std::string Title() const { return quote_.number().empty() ? "Quote" : "Quote " + quote_.number(); }

  void PutHead() {
    constexpr double kMetaX = kMargin + 300;
    constexpr double kMetaWidth = kWidth - 300;
    canvas_.Put("QUOTE", kMetaX, kMargin - 6, kMetaWidth, {.size = 24, .color = kAccent, .align = Align::kRight});
    const double issuer = canvas_.Put(sheet_.issuer, kMargin, kMargin, 280, {.size = 13, .bold = true, .max_lines = 2});

    double meta = kMargin + 36;
    for (const auto& [label, value] : {std::pair<std::string, std::string>("Number", quote_.number()),
                                       {"Date", FormatDate(sheet_.date)},
                                       {"Valid until", FormatDate(quote_.expire_date())},
                                       {"Currency", quote_.currency_code()}}) {
      canvas_.Put(label, kMetaX, meta, 80, {.color = kFaint});
      canvas_.PutFitting(value, kMetaX + 80, meta, kMetaWidth - 80, {.bold = true, .align = Align::kRight});
      meta += 15;
    }

    double y = std::max(kMargin + issuer + 24, kMargin + 36);
    y += canvas_.Put("FOR", kMargin, y, 280, {.size = 7, .color = kFaint}) + 2;
    y += canvas_.Put(quote_.customer_name(), kMargin, y, 280, {.size = 10, .bold = true, .max_lines = 3}) + 2;
    if (!quote_.customer_address().empty()) {
      y += canvas_.Put(quote_.customer_address(), kMargin, y, 280, {.size = 9, .max_lines = 8}) + 2;
    }
    if (!quote_.customer_email().empty()) {
      y += canvas_.Put(quote_.customer_email(), kMargin, y, 280, {.size = 9, .color = kFaint, .max_lines = 2});
    }
    canvas_.MoveTo(std::max(y, meta) + 28);
  }

  double DescriptionWidth() const {
    double width = kWidth - kNumberWidth;
    for (const Column& column : columns_) width -= column.width;
    return width;
  }

  void PutTableHead() {
    constexpr double kHeight = 20;
    const double y = canvas_.y() + 5.5;
    const Style style{.size = 7.5, .bold = true, .color = kAccent};
    Style right = style;
    right.align = Align::kRight;
    canvas_.Fill(kMargin, canvas_.y(), kWidth, kHeight, kFill);
    canvas_.Put("#", kMargin + kPadding, y, kNumberWidth, style);
    canvas_.Put("Description", kMargin + kNumberWidth, y, DescriptionWidth(), style);
    double x = kMargin + kNumberWidth + DescriptionWidth();
    for (const Column& column : columns_) {
      canvas_.PutFitting(column.title, x, y, column.width - kPadding, right);
      x += column.width;
    }
    canvas_.Skip(kHeight + kPadding);
  }

  void PutLines() {
    PutTableHead();
    canvas_.OnContinue([this] { PutTableHead(); });
    int number = 0;
    for (const QuoteLine& line : quote_.lines()) PutLine(++number, line);
    canvas_.OnContinue({});
  }

  void PutLine(int number, const QuoteLine& line) {
    const Text description = canvas_.Lay(line.description(), DescriptionWidth() - 2 * kPadding, {});
    const double height = description.height();
    canvas_.Need(height <= kWholeRow ? height : 3 * Style().size);
    const double y = canvas_.y();
    canvas_.PutFitting(std::to_string(number), kMargin + kPadding, y, kNumberWidth - 2 * kPadding, {.color = kFaint});
    double x = kMargin + kNumberWidth + DescriptionWidth();
    for (const Column& column : columns_) {
      canvas_.PutFitting(column.text(line), x + kPadding, y, column.width - 2 * kPadding, {.align = Align::kRight});
      x += column.width;
    }
    canvas_.Flow(description, kMargin + kNumberWidth);
    canvas_.Skip(kPadding);
    canvas_.Rule(kMargin, canvas_.y(), kWidth);
    canvas_.Skip(kPadding);
  }

  void PutTotal(const std::string& label, const std::string& amount, const Style& style) {
    constexpr double kTotalsWidth = 270;
    const double x = kMargin + kWidth - kTotalsWidth;
    const double height = style.size * 1.9;
    canvas_.Need(height);
    if (style.bold) canvas_.Fill(x, canvas_.y(), kTotalsWidth, height, kFill);
    const double y = canvas_.y() + style.size * 0.36;
    Style right = style;
    right.align = Align::kRight;
    canvas_.PutFitting(label, x + 8, y, 150, style);
    canvas_.PutFitting(amount, x + 162, y, kTotalsWidth - 162 - kPadding, right);
    canvas_.Skip(height);
  }

  void PutTotals() {
    canvas_.Skip(8);
    canvas_.Need(64);
    PutTotal("Net total", WithCurrency(quote_.net_total()), {});
    for (const auto& tax : quote_.taxes()) {
      PutTotal("Tax " + tax.tax_percent() + " % on " + AmountText(tax.base_amount()), WithCurrency(tax.tax_amount()),
               {});
    }
    canvas_.Skip(3);
    PutTotal("Total", WithCurrency(quote_.total()), {.size = 11, .bold = true, .color = kAccent});
  }

  void PutTerms() {
    if (quote_.terms().empty()) return;
    canvas_.Skip(24);
    canvas_.Need(40);
    canvas_.Skip(canvas_.Put("Terms", kMargin, canvas_.y(), kWidth, {.size = 9, .bold = true, .color = kAccent}) + 4);
    canvas_.Flow(canvas_.Lay(quote_.terms(), kWidth, {}), kMargin);
  }

  void PutSignature() {
    constexpr double kLine = 220;
    canvas_.Skip(24);
    canvas_.Need(96);
    canvas_.Put("Accepted for " + quote_.customer_name(), kMargin, canvas_.y(), kWidth, {.size = 9, .max_lines = 2});
    const double y = canvas_.y() + 70;
    for (const auto& [label, x] :
         {std::pair("Place, date", kMargin), std::pair("Name, signature", kMargin + kWidth - kLine)}) {
      canvas_.Rule(x, y, kLine, kFaint);
      canvas_.Put(label, x, y + 3, kLine, {.size = 7, .color = kFaint});
    }
    canvas_.Skip(96);
  }

  static constexpr double kNumberWidth = 26;

  const QuoteSheet& sheet_;
  const Quote& quote_;
  const int pages_;
  const std::vector<Column> columns_;
  Canvas canvas_;
};

cairo_status_t Append(void* out, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

struct Destroy {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};

}  // namespace

absl::StatusOr<std::string> RenderQuote(const QuoteSheet& sheet) {
  std::string pdf;
  const std::unique_ptr<cairo_surface_t, Destroy> surface(
      cairo_pdf_surface_create_for_stream(Append, &pdf, kPageWidth, kPageHeight));
  const std::string title = sheet.quote.number().empty() ? "Quote" : "Quote " + sheet.quote.number();
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, title.c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_AUTHOR, sheet.issuer.c_str());
  // Else the machine's clock would be in it.
  const std::string date = FormatDate(sheet.date) + "T00:00:00Z";
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, date.c_str());
  const std::unique_ptr<cairo_t, Destroy> cairo(cairo_create(surface.get()));
  const int pages = Layouter(cairo.get(), sheet, 0).Run();
  Layouter(cairo.get(), sheet, pages).Run();
  cairo_surface_finish(surface.get());
  for (const cairo_status_t status : {cairo_status(cairo.get()), cairo_surface_status(surface.get())}) {
    if (status != CAIRO_STATUS_SUCCESS) return Internal(std::string("PDF: ") + cairo_status_to_string(status));
  }
  return pdf;
}

}  // namespace embudo::pipeline::document
