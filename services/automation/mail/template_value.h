#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "google/type/money.pb.h"
#include "services/automation/mail/template_path.h"
#include "services/automation/mail/template_syntax.h"

namespace embudo::automation::mail {

/// How a language writes things.
struct Locale {
  /// IETF tag; empty or unknown: English.
  std::string language;
  /// IANA name, for moments; empty: UTC.
  std::string time_zone;
};

/// What a placeholder stands for, on its way through the filters.
struct Value {
  ValueKind kind = ValueKind::kText;
  /// Nothing is known: no text, no date, an amount without a currency and of zero.
  bool empty = true;
  std::string text;
  double number = 0;
  google::type::Money money;
  Day day{};
  Time time{};
  std::vector<std::string> list;
  /// Is HTML already and needs no escaping.
  bool html = false;
};

/// As the language writes it, without any filter.
std::string Format(const Value& value, const Locale& locale);

/// A filter that there is and that takes a value of this kind with these arguments: empty, and `kind` is that of its
/// result. Else what is wrong.
std::string CheckFilter(const FilterCall& filter, ValueKind& kind);
/// Lets a value pass a filter that was checked. `html`: the text goes into HTML.
void ApplyFilter(const FilterCall& filter, const Locale& locale, bool html, Value& value);

std::string EscapeHtml(std::string_view text);

}  // namespace embudo::automation::mail
