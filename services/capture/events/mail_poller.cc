#include "services/capture/events/mail_poller.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/log/log.h"
#include "services/capture/events/secrets.h"
#include "services/capture/mail/message.h"

namespace embudo::capture::events {
namespace {

constexpr std::chrono::milliseconds kLook{500};
/// Longer than one mail takes; renewed before each.
constexpr std::chrono::minutes kLease{3};
constexpr std::chrono::seconds kTimeout{10};
constexpr std::chrono::seconds kMailTimeout{60};
/// Of one look: then others have their turn.
constexpr size_t kMailsAtOnce = 500;

}  // namespace

MailPoller::MailPoller(db::Pool& worker, MailGateway& gateway, const Clock& clock, PollerOptions options)
    : store_(worker), gateway_(gateway), clock_(clock), options_(std::move(options)) {}

MailPoller::~MailPoller() { Stop(); }

void MailPoller::Start() {
  stopping_ = false;
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { Loop(Uuid::V7(clock_.Now()).ToString()); });
  }
}

void MailPoller::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void MailPoller::Loop(const std::string& owner) {
  while (!stopping_) {
    if (LookAtNext(owner)) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kLook, [this] { return stopping_.load(); });
  }
}

bool MailPoller::LookAtNext(const std::string& owner) {
  const Time now = clock_.Now();
  const auto job = store_.Take(owner, now, now + kLease, db::After(kTimeout));
  if (!job.ok()) log::Warning("mailboxes: no look at what is due", {{"reason", ReasonOf(job.status())}});
  if (!job.ok() || !job->has_value()) return false;
  storage::MailboxReport report;
  const absl::Status status = LookAt(**job, owner, &report.received);
  if (!status.ok()) {
    report.error = ReasonOf(status) + ": " + MessageOf(status);
    log::Warning("mailbox: not read", {{"mailbox", (*job)->mailbox.name()}, {"reason", ReasonOf(status)}});
  }
  report.next_poll = clock_.Now() + std::chrono::seconds((*job)->mailbox.poll_seconds());
  const absl::Status released = store_.Release(**job, owner, clock_.Now(), report, db::After(kTimeout));
  if (!released.ok()) log::Warning("mailbox: not handed back", {{"reason", ReasonOf(released)}});
  return true;
}

absl::StatusOr<ImapOptions> MailPoller::OptionsOf(const std::string& tenant, const v1::Mailbox& mailbox) const {
  ImapOptions options;
  options.host = mailbox.host();
  options.port = mailbox.port();
  options.tls = mailbox.tls() == v1::Mailbox::TLS_NONE       ? ImapOptions::Tls::kNone
                : mailbox.tls() == v1::Mailbox::TLS_STARTTLS ? ImapOptions::Tls::kStartTls
                                                             : ImapOptions::Tls::kImplicit;
  options.username = mailbox.username();
  options.ca_file = options_.ca_file;
  EMBUDO_ASSIGN_OR_RETURN(options.password, ReadSecret(options_.secrets_dir, tenant, mailbox.password_file()));
  return options;
}

absl::Status MailPoller::LookAt(const storage::MailboxJob& job, const std::string& owner, int64_t* received) {
  EMBUDO_ASSIGN_OR_RETURN(const ImapOptions options, OptionsOf(job.tenant, job.mailbox));
  EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<ImapClient> imap, ImapClient::Connect(options));
  EMBUDO_RETURN_IF_ERROR(imap->Select(job.mailbox.folder()));
  EMBUDO_ASSIGN_OR_RETURN(std::vector<uint32_t> uids, imap->Unseen());
  if (uids.size() > kMailsAtOnce) uids.resize(kMailsAtOnce);
  for (const uint32_t uid : uids) {
    if (stopping_) break;
    EMBUDO_ASSIGN_OR_RETURN(const bool held, store_.Hold(job, owner, clock_.Now() + kLease, db::After(kTimeout)));
    if (!held) break;
    // Of one that is larger the beginning is taken in; the rest stays in the mailbox.
    EMBUDO_ASSIGN_OR_RETURN(const std::string mail, imap->Fetch(uid, mail::kMaxMailBytes));
    const auto answer = gateway_.Receive({job.tenant, CaptureIdentity(job.tenant), db::After(kMailTimeout)}, {}, mail);
    // An empty one is nothing that could be taken in later.
    if (!answer.ok() && ReasonOf(answer.status()) != "MAIL_EMPTY") return answer.status();
    if (job.mailbox.done_folder().empty()) {
      EMBUDO_RETURN_IF_ERROR(imap->MarkSeen(uid));
    } else {
      EMBUDO_RETURN_IF_ERROR(imap->Move(uid, job.mailbox.done_folder()));
    }
    if (answer.ok()) ++*received;
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
