#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/background.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "services/automation/events/mail_delivery.h"
#include "services/automation/events/smtp_client.h"
#include "services/automation/storage/mails.h"

namespace embudo::automation::events {

/// Takes up mails that are due: fills them in, writes them into their conversations, hands them to the mail server, and
/// tells what came of it. Several threads, in as many processes as there are, share the work, apart from the runs of
/// rules: a mail server that hangs holds up nothing but mails. A mail is held by one worker at a time, and comes free
/// again when the lease of a lost one is over. Between the mail server's taking a mail and the commit that says so a
/// crash makes it go out again, with the same Message-ID, by which mail programs show it once.
class MailSender : public Background {
 public:
  struct Options {
    SmtpOptions smtp;
    /// The address that mails of tenants come from that name none of their own.
    std::string default_sender;
    /// Between two mails of a tenant to one domain; 0: none.
    std::chrono::microseconds domain_interval{0};
    /// How long a mail is tried.
    std::chrono::seconds lifetime{std::chrono::hours(72)};
    int threads = 4;
    /// Mails that a thread takes at once.
    int batch_size = 4;
    /// How long a mail is held before another worker may take it; longer than the server may take over a batch.
    std::chrono::milliseconds lease{300000};
    /// The longest wait between two looks for due mails.
    std::chrono::milliseconds poll{1000};
  };

  /// `pool` is of the automation_worker role, with a connection for each thread.
  MailSender(Options options, db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock,
             metrics::Registry& metrics);
  ~MailSender() override;

  void Start() override;
  /// Finishes the mails that have begun and hands the others back.
  void Stop() override;
  /// Mails are about to be committed.
  void Wake();

 private:
  void Work();
  std::vector<storage::HeldMail> Take();
  void Deal(SmtpClient& client, storage::HeldMail& held);
  /// One step after the other; what it comes to is in the mail, and saved.
  absl::Status Send(SmtpClient& client, storage::HeldMail& held);
  absl::Status WriteDown(storage::HeldMail& held);
  /// Whether its domain lets it go out now; else it is put off until then.
  absl::StatusOr<bool> MayGo(storage::HeldMail& held);
  absl::Status HandOver(SmtpClient& client, storage::HeldMail& held, const Parcel& parcel);
  absl::Status TellEnd(storage::HeldMail& held);
  absl::Status Save(storage::HeldMail& held);
  void HandBack(storage::HeldMail& held);
  void Count(const storage::HeldMail& held);
  /// A server that is not there is left alone for a while, longer each time.
  void ServerIs(bool there);
  bool Stopping();
  void Pause();

  const Options options_;
  db::Pool& pool_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  MailDelivery delivery_;

  std::mutex taking_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::chrono::milliseconds pause_{0};
  int failures_ = 0;
  Time rest_until_{};
  std::vector<std::thread> threads_;
};

}  // namespace embudo::automation::events
