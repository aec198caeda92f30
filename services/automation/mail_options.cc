#include "services/automation/mail_options.h"

#include <charconv>
#include <string>

#include "common/base/error.h"
#include "common/text/email.h"

namespace embudo::automation {
namespace {

using events::SmtpOptions;

constexpr char kUrl[] = "smtp-url";
constexpr char kTls[] = "smtp-tls";
constexpr char kCaFile[] = "smtp-ca-file";
constexpr char kUsername[] = "smtp-username";
constexpr char kPasswordFile[] = "smtp-password-file";
constexpr char kTimeout[] = "smtp-timeout-ms";
constexpr char kFrom[] = "mail-from";
constexpr char kRate[] = "mail-domain-rate";
constexpr char kLease[] = "mail-lease-ms";
constexpr char kLifetime[] = "mail-lifetime-hours";

std::string TextOf(const app::Config& config, const char* name) {
  const auto found = config.options.find(name);
  return found == config.options.end() ? "" : found->second;
}

/// A number in a range; what `value` has already if the flag is not given.
absl::Status ReadNumber(const app::Config& config, const char* name, int64_t least, int64_t most, int64_t& value) {
  const std::string text = TextOf(config, name);
  if (text.empty()) return absl::OkStatus();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
    return absl::OkStatus();
  }
  return InvalidField(name,
                      "\"" + text + "\" is not a number from " + std::to_string(least) + " to " + std::to_string(most));
}

absl::Status ReadServer(const app::Config& config, SmtpOptions& smtp) {
  smtp.url = TextOf(config, kUrl);
  if (!smtp.url.empty() && !smtp.url.starts_with("smtp://") && !smtp.url.starts_with("smtps://")) {
    return InvalidField(kUrl, "begins with smtp:// or smtps://");
  }
  const std::string tls = TextOf(config, kTls);
  if (tls == "none") {
    smtp.tls = SmtpOptions::Tls::kNone;
  } else if (tls == "if-offered") {
    smtp.tls = SmtpOptions::Tls::kIfOffered;
  } else if (!tls.empty() && tls != "required") {
    return InvalidField(kTls, "is required, if-offered or none");
  }
  smtp.ca_file = TextOf(config, kCaFile);
  smtp.username = TextOf(config, kUsername);
  smtp.password_file = TextOf(config, kPasswordFile);
  int64_t timeout = smtp.timeout.count();
  EMBUDO_RETURN_IF_ERROR(ReadNumber(config, kTimeout, 100, 600000, timeout));
  smtp.timeout = std::chrono::milliseconds(timeout);
  smtp.connect_timeout = std::min(smtp.connect_timeout, smtp.timeout);
  return absl::OkStatus();
}

}  // namespace

const std::vector<app::Option>& MailFlags() {
  static const std::vector<app::Option> flags = {
      {kUrl, "Mail server that mails go to, smtp://host:587 or smtps://host:465; empty: mails wait", ""},
      {kTls, "TLS of smtp://: required, if-offered or none", "required"},
      {kCaFile, "Certificates that the mail server is checked against; empty: the system's", ""},
      {kUsername, "User at the mail server; empty: no authentication", ""},
      {kPasswordFile, "File with that user's password, read anew for each mail", ""},
      {kTimeout, "How long the mail server may take over a mail, in milliseconds", "60000"},
      {kFrom, "Address that mails come from where a tenant's mail settings name none", ""},
      {kRate, "Mails a minute of a tenant to one domain; 0: no limit", "0"},
      {kLease, "How long a mail waits for its worker before another takes it up, in milliseconds", "300000"},
      {kLifetime, "How long a mail is tried, in hours", "72"}};
  return flags;
}

absl::StatusOr<events::MailSender::Options> MailOptionsOf(const app::Config& config) {
  events::MailSender::Options options;
  EMBUDO_RETURN_IF_ERROR(ReadServer(config, options.smtp));
  options.default_sender = TextOf(config, kFrom);
  if (!options.default_sender.empty()) {
    const auto address = text::NormaliseEmail(options.default_sender);
    if (!address.ok()) return InvalidField(kFrom, MessageOf(address.status()));
    options.default_sender = *address;
  }
  int64_t rate = 0;
  EMBUDO_RETURN_IF_ERROR(ReadNumber(config, kRate, 0, 1000000, rate));
  if (rate > 0) options.domain_interval = std::chrono::microseconds(60000000 / rate);
  int64_t lease = options.lease.count();
  EMBUDO_RETURN_IF_ERROR(ReadNumber(config, kLease, 500, 86400000, lease));
  options.lease = std::chrono::milliseconds(lease);
  int64_t lifetime = 72;
  EMBUDO_RETURN_IF_ERROR(ReadNumber(config, kLifetime, 1, 10000, lifetime));
  options.lifetime = std::chrono::hours(lifetime);
  return options;
}

}  // namespace embudo::automation
