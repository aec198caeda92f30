#include "services/automation/mail/template_value.h"

#include <unicode/datefmt.h>
#include <unicode/dtptngen.h>
#include <unicode/numfmt.h>
#include <unicode/smpdtfmt.h>
#include <unicode/timezone.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "common/base/money.h"
#include "common/text/unicode.h"

namespace embudo::automation::mail {
namespace {

constexpr size_t kMaxPattern = 40;

icu::Locale IcuLocale(const Locale& locale) {
  UErrorCode error = U_ZERO_ERROR;
  icu::Locale found = icu::Locale::forLanguageTag(locale.language.empty() ? "en" : locale.language, error);
  return U_FAILURE(error) || found.isBogus() ? icu::Locale::getEnglish() : found;
}

std::string ToUtf8(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

std::string FormatMoney(const google::type::Money& money, const Locale& locale) {
  const std::string plain = ToNumeric(money) + (money.currency_code().empty() ? "" : " " + money.currency_code());
  UErrorCode error = U_ZERO_ERROR;
  const bool has_currency = !money.currency_code().empty();
  const std::unique_ptr<icu::NumberFormat> format(
      has_currency ? icu::NumberFormat::createCurrencyInstance(IcuLocale(locale), error)
                   : icu::NumberFormat::createInstance(IcuLocale(locale), error));
  if (U_FAILURE(error) || format == nullptr) return plain;
  if (has_currency) {
    format->setCurrency(icu::UnicodeString::fromUTF8(money.currency_code()).getTerminatedBuffer(), error);
  }
  icu::UnicodeString out;
  // By its digits: an amount is never a floating-point number.
  format->format(icu::StringPiece(ToNumeric(money)), out, nullptr, error);
  return U_FAILURE(error) ? plain : ToUtf8(out);
}

std::string FormatNumber(double number, const Locale& locale) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::NumberFormat> format(icu::NumberFormat::createInstance(IcuLocale(locale), error));
  if (U_FAILURE(error) || format == nullptr) return std::to_string(number);
  format->setMaximumFractionDigits(2);
  icu::UnicodeString out;
  format->format(number, out);
  return ToUtf8(out);
}

/// `pattern` is ICU's (`d MMMM yyyy`); empty: the language's own long form.
std::string FormatMoment(Time moment, const std::string& zone, bool with_time, const std::string& pattern,
                         const Locale& locale) {
  const icu::Locale where = IcuLocale(locale);
  UErrorCode error = U_ZERO_ERROR;
  std::unique_ptr<icu::DateFormat> format;
  if (!pattern.empty()) {
    format = std::make_unique<icu::SimpleDateFormat>(icu::UnicodeString::fromUTF8(pattern), where, error);
  } else if (with_time) {
    format.reset(icu::DateFormat::createDateTimeInstance(icu::DateFormat::kLong, icu::DateFormat::kShort, where));
  } else {
    format.reset(icu::DateFormat::createDateInstance(icu::DateFormat::kLong, where));
  }
  if (U_FAILURE(error) || format == nullptr) return FormatTime(moment).substr(0, 10);
  format->adoptTimeZone(
      icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(zone.empty() ? std::string("UTC") : zone)));
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(moment).time_since_epoch().count();
  icu::UnicodeString out;
  format->format(static_cast<UDate>(millis), out);
  return ToUtf8(out);
}

std::string FormatDay(Day day, const std::string& pattern, const Locale& locale) {
  return FormatMoment(Time(day), "UTC", false, pattern, locale);
}

std::string Join(const std::vector<std::string>& list, const std::string& between) {
  std::string out;
  for (const std::string& each : list) {
    if (!out.empty()) out += between;
    out += each;
  }
  return out;
}

void SetText(std::string text, Value& value) {
  value.kind = ValueKind::kText;
  value.empty = text.empty();
  value.text = std::move(text);
}

std::string ToUpper(const std::string& text, const Locale& locale) {
  return ToUtf8(icu::UnicodeString::fromUTF8(text).toUpper(IcuLocale(locale)));
}

std::string WithLineBreaks(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += "<br>";
    if (c != '\r') out += c;
  }
  return out;
}

int ToInt(const std::string& digits) { return digits.size() > 6 ? 1000000 : std::atoi(digits.c_str()); }

/// What a filter takes: kinds, and how many arguments.
struct Shape {
  std::set<ValueKind> kinds;
  size_t least = 0;
  size_t most = 0;
};

const std::map<std::string, Shape>& Shapes() {
  using enum ValueKind;
  static const std::set<ValueKind> all = {kText, kNumber, kBool, kMoney, kDate, kTime, kList, kAny};
  static const std::map<std::string, Shape> shapes = {
      {"default", {all, 1, 1}},
      {"upper", {all, 0, 0}},
      {"lower", {all, 0, 0}},
      {"capitalize", {all, 0, 0}},
      {"trim", {all, 0, 0}},
      {"first_word", {all, 0, 0}},
      {"truncate", {all, 1, 1}},
      {"lines", {all, 0, 0}},
      {"date", {{kDate, kTime}, 0, 1}},
      {"time", {{kTime}, 0, 1}},
      {"money", {{kMoney, kNumber, kAny}, 0, 1}},
      {"number", {{kNumber, kMoney, kAny}, 0, 0}},
      {"join", {{kList}, 1, 1}},
  };
  return shapes;
}

const char* NameOf(ValueKind kind) {
  static constexpr const char* kNames[] = {"text", "number", "bool", "amount", "date", "time", "list", "custom field"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace

std::string Format(const Value& value, const Locale& locale) {
  if (value.empty) return "";
  switch (value.kind) {
    case ValueKind::kNumber:
      return FormatNumber(value.number, locale);
    case ValueKind::kMoney:
      return FormatMoney(value.money, locale);
    case ValueKind::kDate:
      return FormatDay(value.day, "", locale);
    case ValueKind::kTime:
      return FormatMoment(value.time, locale.time_zone, true, "", locale);
    case ValueKind::kList:
      return Join(value.list, ", ");
    default:
      return value.text;
  }
}

std::string CheckFilter(const FilterCall& filter, ValueKind& kind) {
  const auto found = Shapes().find(filter.name);
  if (found == Shapes().end()) {
    std::string known;
    for (const auto& [name, shape] : Shapes()) known += (known.empty() ? "" : ", ") + name;
    return "there is no filter \"" + filter.name + "\", only " + known;
  }
  const Shape& shape = found->second;
  if (!shape.kinds.contains(kind)) return filter.name + " is not for a " + std::string(NameOf(kind));
  if (filter.arguments.size() < shape.least || filter.arguments.size() > shape.most) {
    return filter.name + " takes " +
           (shape.most == 0    ? std::string("no argument")
            : shape.least == 1 ? "one argument"
                               : "one argument at most");
  }
  if (filter.name == "truncate" && !std::all_of(filter.arguments[0].begin(), filter.arguments[0].end(),
                                                [](char c) { return c >= '0' && c <= '9'; })) {
    return "truncate takes a number of characters";
  }
  if ((filter.name == "date" || filter.name == "time") && !filter.arguments.empty() &&
      filter.arguments[0].size() > kMaxPattern) {
    return filter.name + " takes a pattern of " + std::to_string(kMaxPattern) + " characters at most";
  }
  // What stands in for a value is a text, but a value stays what it is.
  if (filter.name != "default") kind = ValueKind::kText;
  return "";
}

void ApplyFilter(const FilterCall& filter, const Locale& locale, bool html, Value& value) {
  const std::string& name = filter.name;
  const std::string argument = filter.arguments.empty() ? "" : filter.arguments[0];
  if (name == "default") {
    if (value.empty) SetText(argument, value);
    return;
  }
  // A default that came before is a text by now, whatever the field is.
  if (value.empty || value.html) return;
  if (name == "date" && value.kind == ValueKind::kDate) return SetText(FormatDay(value.day, argument, locale), value);
  if (name == "date" && value.kind == ValueKind::kTime) {
    return SetText(FormatMoment(value.time, locale.time_zone, false, argument, locale), value);
  }
  if (name == "time" && value.kind == ValueKind::kTime) {
    return SetText(FormatMoment(value.time, locale.time_zone, true, argument, locale), value);
  }
  if (name == "money" && value.kind == ValueKind::kNumber && !argument.empty()) {
    const auto money = ParseMoney(std::to_string(value.number), argument);
    return SetText(money.ok() ? FormatMoney(*money, locale) : FormatNumber(value.number, locale), value);
  }
  if (name == "number" && value.kind == ValueKind::kMoney) {
    value.money.clear_currency_code();
    return SetText(FormatMoney(value.money, locale), value);
  }
  if (name == "join" && value.kind == ValueKind::kList) return SetText(Join(value.list, argument), value);
  std::string text = Format(value, locale);
  if (name == "upper") {
    text = ToUpper(text, locale);
  } else if (name == "lower") {
    text = text::ToLower(text);
  } else if (name == "capitalize") {
    const std::string first = text::CutText(text, 1);
    text = ToUpper(first, locale) + text.substr(first.size());
  } else if (name == "trim") {
    text = text::FoldWhitespace(text);
  } else if (name == "first_word") {
    text = text::FoldWhitespace(text);
    text = text.substr(0, text.find(' '));
  } else if (name == "truncate") {
    const auto most = static_cast<size_t>(ToInt(argument));
    if (text::CountCharacters(text) > most) text = text::CutText(text, most) + "…";
  } else if (name == "lines" && html) {
    SetText(WithLineBreaks(EscapeHtml(text)), value);
    value.html = true;
    return;
  }
  SetText(std::move(text), value);
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace embudo::automation::mail
