#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "services/capture/events/imap_client.h"
#include "services/capture/events/mail_gateway.h"
#include "services/capture/storage/mail_store.h"

namespace embudo::capture::events {

struct PollerOptions {
  /// Where the files with passwords lie, in a directory for each tenant, which sees no other; empty: nowhere, and no
  /// mailbox can be read.
  std::string secrets_dir;
  /// Of the certificates of IMAP servers; empty: the system's.
  std::string ca_file;
  int threads = 2;
};

/// Looks into mailboxes when they are due. Each is looked at by one worker at a time, of all processes; what is unseen
/// is taken in and only then marked as seen, or moved. One that dies in between leaves the mail unseen: the next look
/// takes it in again, which changes nothing.
class MailPoller : public Background {
 public:
  /// `worker` is of the role capture_worker.
  MailPoller(db::Pool& worker, MailGateway& gateway, const Clock& clock, PollerOptions options);
  ~MailPoller() override;

  void Start() override;
  void Stop() override;

 private:
  void Loop(const std::string& owner);
  /// Whether there was a mailbox to look at.
  bool LookAtNext(const std::string& owner);
  absl::StatusOr<ImapOptions> OptionsOf(const std::string& tenant, const v1::Mailbox& mailbox) const;
  /// `received` counts what was taken in, also where it ends in an error.
  absl::Status LookAt(const storage::MailboxJob& job, const std::string& owner, int64_t* received);

  storage::MailStore store_;
  MailGateway& gateway_;
  const Clock& clock_;
  const PollerOptions options_;

  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
};

}  // namespace embudo::capture::events
