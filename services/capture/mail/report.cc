#include "services/capture/mail/report.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>

#include "common/text/unicode.h"
#include "services/capture/mail/charset.h"
#include "services/capture/mail/headers.h"

namespace embudo::capture::mail {
namespace {

constexpr size_t kMaxReports = 100;
constexpr size_t kMaxDiagnostic = 1000;
/// How far into a text a look is taken.
constexpr size_t kMaxText = 100000;

using Fields = std::map<std::string, std::string>;

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

/// `rfc822; ada@example.com` → `ada@example.com`.
std::string AfterType(const std::string& value) {
  const size_t semicolon = value.find(';');
  std::string out = Trim(semicolon == std::string::npos ? value : value.substr(semicolon + 1));
  if (out.size() > 2 && out.front() == '<' && out.back() == '>') out = out.substr(1, out.size() - 2);
  return out;
}

void TakeGroup(const Fields& fields, Mail& mail) {
  const auto value = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  DeliveryReport report;
  report.recipient = text::CutText(AfterType(value("final-recipient")), 320);
  if (report.recipient.empty()) report.recipient = text::CutText(AfterType(value("original-recipient")), 320);
  report.action = text::CutText(LowerAscii(Trim(value("action"))), 40);
  const std::string status = value("status");
  report.status = text::CutText(status.substr(0, status.find_first_of(" (")), 20);
  report.diagnostic = text::CutText(AfterType(value("diagnostic-code")), kMaxDiagnostic);
  if (report.recipient.empty() && report.action.empty()) return;
  if (mail.reports.size() < kMaxReports) mail.reports.push_back(std::move(report));
}

}  // namespace

void ReadDeliveryStatus(std::string_view content, Mail& mail) {
  const std::string text = TextToUtf8(content.substr(0, kMaxText), "utf-8");
  Fields fields;
  std::string last;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.find_first_not_of(" \t") == std::string::npos) {
      TakeGroup(fields, mail);
      fields.clear();
      last.clear();
    } else if ((line[0] == ' ' || line[0] == '\t') && !last.empty()) {
      fields[last] += " " + Trim(line);
    } else if (const size_t colon = line.find(':'); colon != std::string::npos) {
      last = LowerAscii(Trim(line.substr(0, colon)));
      fields[last] = Trim(line.substr(colon + 1));
    }
  }
  TakeGroup(fields, mail);
}

std::string OriginalMessageId(std::string_view text) {
  static const RE2 pattern("(?im)^[> \\t]*message-id:\\s*(<[^>\\s]{1,998}>)");
  std::string id;
  const re2::StringPiece piece(text.data(), std::min(text.size(), kMaxText));
  return RE2::PartialMatch(piece, pattern, &id) ? MessageIdOf(id) : std::string();
}

void ReadBounceText(std::string_view text, Mail& mail) {
  const re2::StringPiece piece(text.data(), std::min(text.size(), kMaxText));
  DeliveryReport report;
  report.action = "failed";
  static const RE2 status("\\b([45]\\.\\d{1,3}\\.\\d{1,3})\\b");
  static const RE2 code("\\b(5[05]\\d|4[0-5]\\d)[ -]");
  std::string smtp;
  if (!RE2::PartialMatch(piece, status, &report.status) && RE2::PartialMatch(piece, code, &smtp)) {
    report.status = smtp[0] == '4' ? "4.0.0" : "5.0.0";
  }
  if (report.status.starts_with('4')) report.action = "delayed";
  static const RE2 bracketed("<([A-Za-z0-9._%+=&'/-]{1,64}@[A-Za-z0-9.-]{1,255})>");
  static const RE2 plain("(?m)(?:^|[\\s:\"'])([A-Za-z0-9._%+=&'/-]{1,64}@[A-Za-z0-9-]+\\.[A-Za-z0-9.-]{1,255})");
  if (!RE2::PartialMatch(piece, bracketed, &report.recipient)) RE2::PartialMatch(piece, plain, &report.recipient);
  static const RE2 said("(?m)((?:^|\\s)[45]\\d\\d[ -].{0,300})");
  if (RE2::PartialMatch(piece, said, &report.diagnostic))
    report.diagnostic = text::CutText(Trim(report.diagnostic), 300);
  if (!report.recipient.empty()) mail.reports.push_back(std::move(report));
  if (mail.original_message_id.empty()) mail.original_message_id = OriginalMessageId(text);
}

}  // namespace embudo::capture::mail
