#include "common/rpc/value_rules.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common/base/ids.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"

namespace embudo::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// std::regex recurses for every character, so it is not given long texts.
constexpr size_t kMaxPatternBytes = 4096;
constexpr int kNanosPerSecond = 1000000000;

int64_t CodePoints(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool IsMailAddress(const std::string& text) {
  const size_t at = text.rfind('@');
  if (at == std::string::npos || at == 0 || at > 64) return false;
  const std::string domain = text.substr(at + 1);
  if (domain.empty() || domain.size() > 255 || domain.front() == '.' || domain.back() == '.') return false;
  if (domain.find("..") != std::string::npos) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || c == '<' || c == '>' || c == ',' || c == ';';
  });
}

std::string Format(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

std::string BrokenMoney(const google::type::Money& money) {
  const std::string& currency = money.currency_code();
  const bool is_code = currency.size() == 3 &&
                       std::all_of(currency.begin(), currency.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!currency.empty() && !is_code) return "currency_code is not an ISO 4217 code of three capital letters";
  if (money.nanos() <= -kNanosPerSecond || money.nanos() >= kNanosPerSecond) {
    return "nanos are not between -999,999,999 and 999,999,999";
  }
  const bool signs_differ = (money.units() > 0 && money.nanos() < 0) || (money.units() < 0 && money.nanos() > 0);
  return signs_differ ? "units and nanos differ in sign" : "";
}

std::string BrokenDate(const google::type::Date& date) {
  if (date.year() < 1 || date.year() > 9999 || date.month() < 1 || date.day() < 1) return "is not a full date";
  const std::chrono::year_month_day day(std::chrono::year(date.year()),
                                        std::chrono::month(static_cast<unsigned>(date.month())),
                                        std::chrono::day(static_cast<unsigned>(date.day())));
  return day.ok() ? "" : "is not a day of the calendar";
}

std::string BrokenTimestamp(const google::protobuf::Timestamp& time) {
  // Years 1 to 9999, as the type's own definition has it.
  const bool in_range = time.seconds() >= -62135596800 && time.seconds() <= 253402300799;
  return in_range && time.nanos() >= 0 && time.nanos() < kNanosPerSecond ? "" : "is not a time";
}

}  // namespace

std::string BrokenText(const std::string& text, const FieldPlan& check) {
  const type::v1::Rules& rules = check.rules;
  // PostgreSQL's text holds every character but this one.
  if (check.is_text && text.find('\0') != std::string::npos) return "holds a NUL character";
  if (rules.max_bytes() > 0 && static_cast<int64_t>(text.size()) > rules.max_bytes()) {
    return "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(rules.max_bytes());
  }
  // No text has more code points than bytes, so most need no count.
  if (rules.max_length() > 0 && text.size() > static_cast<size_t>(rules.max_length())) {
    const int64_t length = CodePoints(text);
    if (length > rules.max_length()) {
      return "has " + std::to_string(length) + " characters; at most " + std::to_string(rules.max_length());
    }
  }
  if (check.pattern && (text.size() > kMaxPatternBytes || !std::regex_match(text, *check.pattern))) {
    return "does not match " + rules.pattern();
  }
  if (rules.uuid() && !Uuid::Parse(text)) return "is not a UUID in canonical form";
  if (rules.email() && !IsMailAddress(text)) return "is not a mail address";
  return "";
}

std::string BrokenNumber(double value, const type::v1::Rules& rules) {
  // Written so that NaN fails both.
  if (rules.has_min() && !(value >= rules.min())) return Format(value) + " is below " + Format(rules.min());
  if (rules.has_max() && !(value <= rules.max())) return Format(value) + " is above " + Format(rules.max());
  return "";
}

std::string BrokenWellKnown(const Message& message, MessagePlan::Kind kind) {
  switch (kind) {
    case MessagePlan::Kind::kMoney:
      return BrokenMoney(static_cast<const google::type::Money&>(message));
    case MessagePlan::Kind::kDate:
      return BrokenDate(static_cast<const google::type::Date&>(message));
    case MessagePlan::Kind::kTimestamp:
      return BrokenTimestamp(static_cast<const google::protobuf::Timestamp&>(message));
    case MessagePlan::Kind::kOther:
      break;
  }
  return "";
}

double NumberOf(const Message& message, const FieldDescriptor* field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? reflection.GetInt32(message, field) : reflection.GetRepeatedInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? reflection.GetUInt32(message, field) : reflection.GetRepeatedUInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<double>(one ? reflection.GetInt64(message, field)
                                     : reflection.GetRepeatedInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<double>(one ? reflection.GetUInt64(message, field)
                                     : reflection.GetRepeatedUInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return one ? reflection.GetFloat(message, field) : reflection.GetRepeatedFloat(message, field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return one ? reflection.GetDouble(message, field) : reflection.GetRepeatedDouble(message, field, index);
    default:
      return 0;
  }
}

std::string KeyOf(const Message& entry) {
  const FieldDescriptor* key = entry.GetDescriptor()->map_key();
  if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING) return entry.GetReflection()->GetString(entry, key);
  return Format(NumberOf(entry, key, -1));
}

}  // namespace embudo::rpc
