#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/table.h"
#include "embudo/capture/v1/mail_settings.pb.h"
#include "embudo/capture/v1/mailbox.pb.h"

namespace embudo::capture::storage {

/// The tables of the resources that mail goes by.
const resource::Table& MailboxTable();
const resource::Table& MailSettingsTable();

/// The one name that settings have.
inline constexpr char kMailSettings[] = "mailSettings/default";

/// A mailbox that somebody is to look at now.
struct MailboxJob {
  std::string tenant;
  v1::Mailbox mailbox;
};

/// What a look at a mailbox came to.
struct MailboxReport {
  /// Empty: all went well.
  std::string error;
  int64_t received = 0;
  Time next_poll;
};

/// Mailboxes as workers see them, and what a tenant's mail goes by. Thread-safe.
class MailStore {
 public:
  explicit MailStore(db::Pool& pool) : pool_(pool) {}

  /// The tenant's settings, filled up with what holds where nothing is set.
  absl::StatusOr<v1::MailSettings> Settings(const std::string& tenant, db::Deadline deadline);
  /// What the tokens in the tenant's addresses are signed with; made if there is none yet.
  absl::StatusOr<std::string> TokenSecret(const std::string& tenant, db::Deadline deadline);

  /// Takes the mailbox that has been due for longest and that nobody looks at; nullopt if there is none. For workers.
  absl::StatusOr<std::optional<MailboxJob>> Take(const std::string& owner, Time now, Time lease_until,
                                                 db::Deadline deadline);
  /// Keeps it for longer; false if it is somebody else's by now.
  absl::StatusOr<bool> Hold(const MailboxJob& job, const std::string& owner, Time lease_until, db::Deadline deadline);
  /// Hands it back, unless it is somebody else's by now.
  absl::Status Release(const MailboxJob& job, const std::string& owner, Time now, const MailboxReport& report,
                       db::Deadline deadline);
  /// Looks at it as soon as may be.
  absl::Status PollSoon(const std::string& tenant, const std::string& mailbox, db::Deadline deadline);

 private:
  db::Pool& pool_;
};

}  // namespace embudo::capture::storage
