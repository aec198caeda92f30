#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/db/connection.h"
#include "embudo/automation/v1/mail.pb.h"

namespace embudo::automation::storage {

/// A mail to be written from a template, by a rule.
struct NewMail {
  std::string tenant;
  /// What it is once only: the second of the same id is none. MailIdOf makes it.
  Uuid id;
  /// `leads/{lead}`
  std::string lead;
  /// `mailTemplates/{mail_template}`
  std::string mail_template;
  /// Which variant; empty: that of the lead's language.
  std::string language;
  /// Empty: the lead's mail address.
  std::vector<std::string> to_addresses;
  std::vector<std::string> cc_addresses;
  /// `rules/{rule}`, the event that it answers, and how many rules led here.
  std::string rule;
  std::string event_id;
  int depth = 0;
};

/// The id of the mail that a lead gets from a template because of one event, or one due time under whatever name: the
/// same whichever rule asks, so that a stage's entry template and a rule of the stage never send it twice.
Uuid MailIdOf(const std::string& tenant, const std::string& lead, const std::string& event_id,
              const std::string& mail_template);

/// Puts a mail into the queue, in the caller's transaction; nothing if there is one of that id, whatever came of it. It
/// is filled in and sent later, by the MailSender. Returns its name.
absl::StatusOr<std::string> EnqueueMail(db::Connection& connection, const NewMail& mail, Time now);

/// Puts mails into the queue that are in their leads' conversations already; those that are there are passed over.
struct WrittenMail {
  std::string tenant;
  v1::Mail mail;
};
absl::Status InsertMails(db::Connection& connection, const std::vector<WrittenMail>& mails);

/// A mail as a worker holds it.
struct HeldMail {
  std::string tenant;
  v1::Mail mail;
  int64_t version = 0;
  int64_t revision = 0;
  /// When its domain lets it go out; nullopt while it has not asked (TakeSlot).
  std::optional<Time> slot;
};

/// Takes up to `limit` mails that are due: each that is to be sent counts an attempt, and is due again at `lease_end`
/// should the worker be lost. Nobody waits for another's.
absl::StatusOr<std::vector<HeldMail>> TakeDueMails(db::Connection& connection, int limit, Time now, Time lease_end);

/// Writes how far a mail is. ABORTED, reason MAIL_TAKEN, if it was changed meanwhile: called back, or taken over.
absl::Status SaveMail(db::Connection& connection, HeldMail& held);

/// The moment at which the next mail to a domain may go out, which is then taken: now, or later if others came before.
absl::StatusOr<Time> TakeSlot(db::Connection& connection, const std::string& tenant, const std::string& domain,
                              Time now, std::chrono::microseconds interval);

/// Marks mails that were sent as bounced; passes others over.
struct Bounce {
  std::string tenant;
  std::string mail_id;
  std::string error;
};
absl::Status RecordBounces(db::Connection& connection, const std::vector<Bounce>& bounces, Time now);
/// Forgets whom the mails of these leads went to.
absl::Status EraseReceivers(db::Connection& connection, const std::string& tenant,
                            const std::vector<std::string>& lead_ids);

}  // namespace embudo::automation::storage
