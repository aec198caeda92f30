#include "common/db/result.h"

#include <libpq-fe.h>

#include <charconv>
#include <cstdlib>

namespace embudo::db {
namespace {

int Digits(std::string_view text, size_t at, size_t count) {
  int value = 0;
  for (size_t i = at; i < at + count && i < text.size(); ++i) value = value * 10 + (text[i] - '0');
  return value;
}

std::string_view TextOf(const std::string& value) { return value; }
std::optional<std::string_view> TextOf(const std::optional<std::string>& value) { return value; }

void AppendQuoted(std::string& out, std::optional<std::string_view> value) {
  if (!value) {
    out += "NULL";
    return;
  }
  out += '"';
  for (const char c : *value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

template <class Values>
std::string ArrayLiteral(const Values& values) {
  std::string out = "{";
  for (const auto& value : values) {
    if (out.size() > 1) out += ',';
    AppendQuoted(out, TextOf(value));
  }
  return out + "}";
}

}  // namespace

bool Row::IsNull(int column) const { return PQgetisnull(result_, row_, column) != 0; }

std::string_view Row::Text(int column) const {
  return {PQgetvalue(result_, row_, column), static_cast<size_t>(PQgetlength(result_, row_, column))};
}

int64_t Row::Int(int column) const {
  const std::string_view text = Text(column);
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double Row::Double(int column) const {
  const std::string_view text = Text(column);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool Row::Bool(int column) const { return Text(column) == "t"; }

Time Row::TimeAt(int column) const { return ParseTimestamp(Text(column)); }

std::string Row::Bytes(int column) const {
  const std::string_view text = Text(column);
  std::string out;
  if (text.size() < 2) return out;
  out.reserve(text.size() / 2);
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 2; i + 1 < text.size(); i += 2) out += static_cast<char>(value(text[i]) << 4 | value(text[i + 1]));
  return out;
}

std::vector<std::string> Row::TextArray(int column) const { return ParseTextArray(Text(column)); }

Result::Result(pg_result* result) : result_(result, PQclear) {}
int Result::size() const { return PQntuples(result_.get()); }
int Result::columns() const { return PQnfields(result_.get()); }
int64_t Result::affected() const { return std::strtoll(PQcmdTuples(result_.get()), nullptr, 10); }

Time ParseTimestamp(std::string_view text) {
  // `2026-11-23 18:18:07.123456+00`: sessions are in UTC with ISO dates (ConninfoFor).
  const std::chrono::year_month_day date = std::chrono::year(Digits(text, 0, 4)) /
                                           std::chrono::month(static_cast<unsigned>(Digits(text, 5, 2))) /
                                           std::chrono::day(static_cast<unsigned>(Digits(text, 8, 2)));
  int64_t micros = 0;
  if (text.size() > 19 && text[19] == '.') {
    int64_t unit = 100000;
    for (size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10) {
      micros += unit * (text[i] - '0');
    }
  }
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(Digits(text, 11, 2)) +
         std::chrono::minutes(Digits(text, 14, 2)) + std::chrono::seconds(Digits(text, 17, 2)) +
         std::chrono::microseconds(micros);
}

std::vector<std::string> ParseTextArray(std::string_view text) {
  std::vector<std::string> out;
  if (text.size() < 2) return out;
  text = text.substr(1, text.size() - 2);
  size_t at = 0;
  while (at < text.size()) {
    std::string item;
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
        item += text[at];
      }
      ++at;
    } else {
      while (at < text.size() && text[at] != ',') item += text[at++];
    }
    out.push_back(std::move(item));
    ++at;  // the comma
  }
  return out;
}

std::string ToArrayLiteral(const std::vector<std::string>& values) { return ArrayLiteral(values); }

std::string ToArrayLiteral(const std::vector<std::optional<std::string>>& values) { return ArrayLiteral(values); }

}  // namespace embudo::db
