#include "services/pipeline/document/quote_pdf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "common/testing/temp_dir.h"

namespace embudo::pipeline::document {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using type::v1::Quote;
using type::v1::QuoteLine;

google::type::Money Euros(int64_t units, int32_t nanos = 0) {
  google::type::Money money;
  money.set_currency_code("EUR");
  money.set_units(units);
  money.set_nanos(nanos);
  return money;
}

google::type::Date March(int day) {
  google::type::Date date;
  date.set_year(2026);
  date.set_month(3);
  date.set_day(day);
  return date;
}

QuoteLine* AddLine(Quote& quote, const std::string& description) {
  QuoteLine* line = quote.add_lines();
  line->set_description(description);
  line->set_quantity("2");
  *line->mutable_unit_price() = Euros(1234, 500'000'000);
  *line->mutable_net_amount() = Euros(2469);
  return line;
}

Quote SomeQuote() {
  Quote quote;
  quote.set_number("Q-000012");
  quote.set_customer_name("Lovelace & Sons Ltd.");
  quote.set_customer_address("12 Analytical Row\nLondon EC1A 1BB\nUnited Kingdom");
  quote.set_customer_email("ada@example.com");
  quote.set_currency_code("EUR");
  *quote.mutable_expire_date() = March(31);
  *quote.mutable_net_total() = Euros(2469);
  *quote.mutable_tax_total() = Euros(469, 110'000'000);
  *quote.mutable_total() = Euros(2938, 110'000'000);
  return quote;
}

std::string Render(const Quote& quote, const std::string& mark = "", const std::string& issuer = "Example Corp") {
  const auto pdf = RenderQuote({.quote = quote, .issuer = issuer, .date = March(1), .mark = mark});
  EXPECT_TRUE(pdf.ok()) << pdf.status();
  return pdf.ok() ? *pdf : "";
}

/// What a program of poppler-utils says of the PDF.
std::string Ask(const std::string& program, const std::string& arguments, const std::string& pdf) {
  const testing::TempDir dir;
  const std::string path = dir.path() / "quote.pdf";
  std::ofstream(path, std::ios::binary) << pdf;
  const std::string command = program + " " + path + " " + arguments;
  const std::unique_ptr<FILE, int (*)(FILE*)> out(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  for (size_t size = 0; (size = fread(buffer.data(), 1, buffer.size(), out.get())) > 0;) {
    text.append(buffer.data(), size);
  }
  return text;
}
std::string TextOf(const std::string& pdf) { return Ask("pdftotext -layout", "-", pdf); }
int PagesOf(const std::string& pdf) {
  const std::string info = Ask("pdfinfo", "", pdf);
  return std::atoi(info.c_str() + info.find("Pages:") + 6);
}

TEST(QuotePdfTest, SaysAllThatAQuoteSays) {
  Quote quote = SomeQuote();
  QuoteLine* line = AddLine(quote, "Analytical engine");
  line->set_discount_percent("12.5");
  line->set_tax_percent("19");
  auto& tax = *quote.add_taxes();
  tax.set_tax_percent("19");
  *tax.mutable_base_amount() = Euros(2469);
  *tax.mutable_tax_amount() = Euros(469, 110'000'000);
  quote.set_terms("Payable within 14 days.");
  quote.set_note("They would pay more.");
  const std::string pdf = Render(quote);
  const std::string text = TextOf(pdf);
  for (const char* said :
       {"Example Corp", "Q-000012", "2026-03-01", "2026-03-31", "Lovelace & Sons Ltd.", "12 Analytical Row",
        "ada@example.com", "Analytical engine", "1,234.50", "12.5 %", "19 %", "2,469.00", "Tax 19 % on 2,469.00",
        "EUR 469.11", "EUR 2,938.11", "Payable within 14 days.", "Name, signature", "Page 1 of 1"}) {
    EXPECT_THAT(text, HasSubstr(said));
  }
  EXPECT_THAT(text, Not(HasSubstr("pay more")));
  EXPECT_THAT(text, Not(HasSubstr("DRAFT")));
  EXPECT_THAT(Ask("pdfinfo", "", pdf), HasSubstr("A4"));
}

TEST(QuotePdfTest, IsTheSameBytesForTheSameSheet) {
  Quote quote = SomeQuote();
  AddLine(quote, "Analytical engine");
  const std::string pdf = Render(quote);
  EXPECT_EQ(Render(quote), pdf);
  EXPECT_NE(Render(quote, "DRAFT"), pdf);
  EXPECT_THAT(TextOf(Render(quote, "DRAFT")), HasSubstr("DRAFT"));
  quote.set_terms("Other terms");
  EXPECT_NE(Render(quote), pdf);
}

TEST(QuotePdfTest, ColumnsWithoutValuesAreLeftOut) {
  Quote quote = SomeQuote();
  AddLine(quote, "Analytical engine");
  const std::string text = TextOf(Render(quote));
  EXPECT_THAT(text, Not(HasSubstr("Discount")));
  EXPECT_THAT(text, Not(HasSubstr("Tax")));
}

TEST(QuotePdfTest, ManyLinesGoOverManyPages) {
  Quote quote = SomeQuote();
  for (int i = 1; i <= 500; ++i) AddLine(quote, "Position number " + std::to_string(i));
  const std::string pdf = Render(quote);
  const int pages = PagesOf(pdf);
  EXPECT_GE(pages, 10);
  const std::string text = TextOf(pdf);
  for (int i = 1; i <= 500; ++i) EXPECT_THAT(text, HasSubstr("Position number " + std::to_string(i) + " "));
  EXPECT_THAT(text, HasSubstr("Page 2 of " + std::to_string(pages)));
  EXPECT_THAT(text, HasSubstr("Page " + std::to_string(pages) + " of " + std::to_string(pages)));
}

TEST(QuotePdfTest, LongTextsAreAllThere) {
  Quote quote = SomeQuote();
  std::string lines;
  for (int i = 1; i <= 900; ++i) lines += std::to_string(i) + "\n";
  AddLine(quote, lines + "end of the description");
  AddLine(quote, std::string(2000, 'W'));
  std::string terms;
  while (terms.size() < 19900) terms += "A clause that nobody reads. ";
  quote.set_terms(terms + "The last clause.");
  quote.set_customer_name(std::string(300, 'M'));
  std::string address;
  for (int i = 0; i < 500; ++i) address += "row\n";
  quote.set_customer_address(address);
  const std::string pdf = Render(quote, "", std::string(200, 'I'));
  const std::string text = TextOf(pdf);
  EXPECT_THAT(text, HasSubstr("end of the description"));
  EXPECT_THAT(text, HasSubstr("The last clause."));
  EXPECT_THAT(text, HasSubstr("Name, signature"));
  EXPECT_GE(PagesOf(pdf), 14);
}

TEST(QuotePdfTest, TheLongestQuoteFitsAMessage) {
  Quote quote = SomeQuote();
  std::string text;
  while (text.size() < 1900) text += "lorem ipsum dolor sit amet ";
  for (int i = 0; i < 500; ++i) AddLine(quote, text);
  quote.set_terms(std::string(20000, 'y'));
  const std::string pdf = Render(quote);
  EXPECT_LT(pdf.size(), 3U << 20);
  EXPECT_GE(PagesOf(pdf), 100);
}

TEST(QuotePdfTest, TakesEveryScript) {
  Quote quote = SomeQuote();
  quote.set_customer_name("株式会社エムブード");
  quote.set_customer_address("東京都千代田区丸の内一丁目");
  AddLine(quote, "מנוע אנליטי");
  AddLine(quote, "محرك تحليلي");
  AddLine(quote, "分析エンジン 한국어 Ωμέγα Привет");
  AddLine(quote, "emoji \U0001F680 and \x01\x02\t control");
  const std::string text = TextOf(Render(quote));
  EXPECT_THAT(text, HasSubstr("株式会社エムブード"));
  EXPECT_THAT(text, HasSubstr("分析エンジン"));
  EXPECT_THAT(text, HasSubstr("Привет"));
  EXPECT_THAT(text, HasSubstr("מנוע"));
}

TEST(QuotePdfTest, LargeAmountsFitTheirColumns) {
  Quote quote = SomeQuote();
  QuoteLine* line = AddLine(quote, "Everything");
  line->set_quantity("999999999999.123456");
  *line->mutable_unit_price() = Euros(9'223'372'036'854'775'807, 999'999'999);
  *line->mutable_net_amount() = Euros(-9'223'372'036'854'775'807);
  const std::string text = TextOf(Render(quote));
  EXPECT_THAT(text, HasSubstr("999,999,999,999.123456"));
  EXPECT_THAT(text, HasSubstr("9,223,372,036,854,775,807.999999999"));
  EXPECT_THAT(text, HasSubstr("-9,223,372,036,854,775,807.00"));
}

TEST(QuotePdfTest, ThreadsDoNotDisturbEachOther) {
  Quote quote = SomeQuote();
  for (int i = 0; i < 30; ++i) AddLine(quote, "分析 engine");
  const std::string pdf = Render(quote);
  std::vector<std::thread> threads;
  std::array<std::string, 4> others;
  for (auto& other : others) threads.emplace_back([&] { other = Render(quote); });
  for (auto& thread : threads) thread.join();
  for (const auto& other : others) EXPECT_TRUE(other == pdf);
}

}  // namespace
}  // namespace embudo::pipeline::document
