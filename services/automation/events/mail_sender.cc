#include "services/automation/events/mail_sender.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "services/automation/logic/mail.h"

namespace embudo::automation::events {
namespace {

using std::chrono::milliseconds;
using storage::HeldMail;
using v1::Mail;

constexpr milliseconds kShortestPause{1};
constexpr std::chrono::seconds kStatementTimeout{10};
/// Until the pipeline is told again what came of a mail.
constexpr std::chrono::seconds kTellAgain{30};
constexpr std::chrono::seconds kLongestRest{60};

const char* Outcome(Mail::State state) {
  switch (state) {
    case Mail::STATE_SENT:
      return "sent";
    case Mail::STATE_QUEUED:
      return "put off";
    case Mail::STATE_SUPPRESSED:
      return "suppressed";
    default:
      return "failed";
  }
}

}  // namespace

MailSender::MailSender(Options options, db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock,
                       metrics::Registry& metrics)
    : options_(std::move(options)),
      pool_(pool),
      clock_(clock),
      metrics_(metrics),
      delivery_(pool, pipeline, capture, clock, options_.default_sender) {}

MailSender::~MailSender() { Stop(); }

void MailSender::Start() {
  if (options_.smtp.url.empty()) {
    log::Info("automation: no mail server is set, mails wait");
    return;
  }
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Work(); });
}

void MailSender::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void MailSender::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool MailSender::Stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void MailSender::Pause() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, pause_, [&] { return stopping_ || woken_; });
  pause_ = woken_ ? kShortestPause : std::min(std::max(pause_ * 2, kShortestPause), options_.poll);
  woken_ = false;
}

void MailSender::ServerIs(bool there) {
  const std::lock_guard lock(mutex_);
  failures_ = there ? 0 : std::min(failures_ + 1, 10);
  const auto rest = std::min<std::chrono::seconds>(std::chrono::seconds(1 << failures_), kLongestRest);
  rest_until_ = there ? Time{} : clock_.Now() + rest;
}

void MailSender::Work() {
  SmtpClient client(options_.smtp);
  while (!Stopping()) {
    std::vector<HeldMail> taken = Take();
    // Not so long that the last of them outlives its lease.
    const Time latest = clock_.Now() + options_.lease / 2;
    for (HeldMail& held : taken) {
      if (Stopping() || clock_.Now() > latest) {
        HandBack(held);
      } else {
        Deal(client, held);
      }
    }
  }
}

std::vector<HeldMail> MailSender::Take() {
  const std::lock_guard lock(taking_);
  for (; !Stopping(); Pause()) {
    const Time now = clock_.Now();
    {
      const std::lock_guard resting(mutex_);
      if (now < rest_until_) continue;
    }
    auto lease = pool_.Acquire("", db::After(kStatementTimeout));
    auto taken = lease.ok() ? storage::TakeDueMails(**lease, options_.batch_size, now, now + options_.lease)
                            : absl::StatusOr<std::vector<HeldMail>>(lease.status());
    if (!taken.ok()) log::Warning("automation: can't look for due mails", {{"why", MessageOf(taken.status())}});
    if (taken.ok() && !taken->empty()) return *std::move(taken);
  }
  return {};
}

void MailSender::Deal(SmtpClient& client, HeldMail& held) {
  const bool sending = held.mail.state() == Mail::STATE_SENDING;
  absl::Status status = sending ? Send(client, held) : absl::OkStatus();
  const bool over = held.mail.state() != Mail::STATE_SENDING && held.mail.state() != Mail::STATE_QUEUED;
  if (status.ok() && over && held.mail.has_next_attempt_time()) status = TellEnd(held);
  // Called back, or taken over after the lease: it is another's now.
  if (status.ok() || ReasonOf(status) == "MAIL_TAKEN") return;
  log::Warning("automation: a mail was not dealt with",
               {{"tenant", held.tenant}, {"mail", held.mail.name()}, {"why", MessageOf(status)}});
}

absl::Status MailSender::Send(SmtpClient& client, HeldMail& held) {
  Mail& mail = held.mail;
  absl::Status status = mail.message().empty() ? WriteDown(held) : absl::OkStatus();
  if (ReasonOf(status) == "MAIL_TAKEN") return status;
  Parcel parcel;
  if (status.ok()) {
    EMBUDO_ASSIGN_OR_RETURN(const bool may_go, MayGo(held));
    if (!may_go) return absl::OkStatus();
    auto message = delivery_.GetMessage(held);
    // It went out, and only its end is not saved; or it has bounced.
    if (message.ok() && message->delivery_state() != type::v1::Message::DELIVERY_STATE_QUEUED) {
      const bool sent = message->delivery_state() == type::v1::Message::DELIVERY_STATE_SENT;
      logic::EndMail(sent ? Mail::STATE_SENT : Mail::STATE_FAILED, message->delivery_error(), clock_.Now(), mail);
      return Save(held);
    }
    auto packed = message.ok() ? delivery_.Pack(held, *message) : absl::StatusOr<Parcel>(message.status());
    status = packed.status();
    if (packed.ok()) parcel = *std::move(packed);
  }
  if (status.ok()) return HandOver(client, held, parcel);
  const Mail::State state = logic::StateAfter(status);
  if (state == Mail::STATE_QUEUED) {
    logic::PutOff(logic::MailErrorText(status), clock_.Now(), options_.lifetime, mail);
  } else {
    logic::EndMail(state, logic::MailErrorText(status), clock_.Now(), mail);
  }
  Count(held);
  return Save(held);
}

absl::Status MailSender::WriteDown(HeldMail& held) {
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Message message, delivery_.Write(held));
  logic::TakeOver(message, held.mail);
  return Save(held);
}

absl::StatusOr<bool> MailSender::MayGo(HeldMail& held) {
  if (options_.domain_interval.count() == 0 || held.mail.domain().empty()) return true;
  const Time now = clock_.Now();
  if (!held.slot) {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(held.slot,
                            storage::TakeSlot(*lease, held.tenant, held.mail.domain(), now, options_.domain_interval));
  }
  if (*held.slot <= now) {
    held.slot.reset();
    return true;
  }
  held.mail.set_state(Mail::STATE_QUEUED);
  held.mail.set_attempts(held.mail.attempts() - 1);
  *held.mail.mutable_next_attempt_time() = ToTimestamp(*held.slot);
  EMBUDO_RETURN_IF_ERROR(Save(held));
  return false;
}

absl::Status MailSender::HandOver(SmtpClient& client, HeldMail& held, const Parcel& parcel) {
  const SmtpAnswer answer = client.Send(parcel.sender, parcel.receivers, parcel.bytes);
  const Time now = clock_.Now();
  held.mail.set_reply_code(answer.code);
  switch (answer.kind) {
    case SmtpAnswer::Kind::kTaken:
      logic::EndMail(Mail::STATE_SENT, answer.refused.empty() ? "" : "RECEIVERS_REFUSED: " + answer.refused, now,
                     held.mail);
      break;
    case SmtpAnswer::Kind::kRefused:
      logic::EndMail(Mail::STATE_FAILED, "SMTP_REFUSED: " + answer.text, now, held.mail);
      break;
    case SmtpAnswer::Kind::kLater:
      logic::PutOff((answer.code == 0 ? "SMTP_UNAVAILABLE: " : "SMTP_DEFERRED: ") + answer.text, now, options_.lifetime,
                    held.mail);
      break;
  }
  // First of all: whoever takes it up after a crash must know that it is gone.
  const absl::Status saved = Save(held);
  ServerIs(answer.kind != SmtpAnswer::Kind::kLater || answer.code != 0);
  Count(held);
  return saved;
}

absl::Status MailSender::TellEnd(HeldMail& held) {
  const absl::Status told = delivery_.Tell(held);
  if (told.ok()) {
    held.mail.clear_next_attempt_time();
  } else {
    *held.mail.mutable_next_attempt_time() = ToTimestamp(clock_.Now() + kTellAgain);
  }
  EMBUDO_RETURN_IF_ERROR(Save(held));
  return told;
}

absl::Status MailSender::Save(HeldMail& held) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::SaveMail(*lease, held);
}

void MailSender::HandBack(HeldMail& held) {
  if (held.mail.state() == Mail::STATE_SENDING) {
    held.mail.set_state(Mail::STATE_QUEUED);
    held.mail.set_attempts(held.mail.attempts() - 1);
  }
  *held.mail.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
  const absl::Status saved = Save(held);
  if (!saved.ok()) log::Warning("automation: a mail was not handed back", {{"mail", held.mail.name()}});
}

void MailSender::Count(const HeldMail& held) {
  metrics_
      .Counter("embudo_automation_mails_total", "Attempts at mails, by how they ended",
               {{"outcome", Outcome(held.mail.state())}})
      .Increment();
}

}  // namespace embudo::automation::events
