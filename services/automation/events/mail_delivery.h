#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "services/automation/events/mail_writer.h"
#include "services/automation/mail/mime.h"
#include "services/automation/storage/mails.h"

namespace embudo::automation::events {

/// A mail as it is handed to a mail server.
struct Parcel {
  std::string sender;
  std::vector<std::string> receivers;
  std::string bytes;
};

/// What a mail needs from the other services on its way: it is written into the conversation, packed for the mail
/// server, and what came of it is told. Acts as the service itself, for the tenant. Thread-safe.
class MailDelivery {
 public:
  /// `pool` is of the automation_worker role. `default_sender` is the address that mails of tenants come from that name
  /// none of their own; may be empty.
  MailDelivery(db::Pool& pool, rpc::Client& pipeline, rpc::Client& capture, const Clock& clock,
               std::string default_sender)
      : pool_(pool),
        pipeline_(pipeline),
        capture_(capture),
        clock_(clock),
        default_sender_(std::move(default_sender)),
        writer_(pipeline, capture, clock) {}

  /// Fills the template in and writes the mail into its conversation.
  absl::StatusOr<type::v1::Message> Write(const storage::HeldMail& held);

  /// The entry in the conversation, as it is now.
  absl::StatusOr<type::v1::Message> GetMessage(const storage::HeldMail& held);

  /// FAILED_PRECONDITION, reason DO_NOT_CONTACT, if a receiver has come to want no mail; reason NO_SENDER if neither
  /// the tenant nor the installation says where its mails come from.
  absl::StatusOr<Parcel> Pack(const storage::HeldMail& held, const type::v1::Message& message);

  /// Tells the conversation what came of a mail. OK also if it knows better.
  absl::Status Tell(const storage::HeldMail& held);

 private:
  absl::Status CheckMayContact(const rpc::Identity& self, const type::v1::Lead& lead, const type::v1::Message& message);
  absl::Status Address(const rpc::Identity& self, const type::v1::Lead& lead, const type::v1::Message& message,
                       mail::Outgoing& out);
  absl::Status AddThread(const rpc::Identity& self, const type::v1::Message& message, mail::Outgoing& out);
  absl::Status AddUnsubscribeLink(const rpc::Identity& self, const storage::HeldMail& held, const type::v1::Lead& lead,
                                  mail::Outgoing& out);
  absl::Status AddAttachments(const rpc::Identity& self, const type::v1::Message& message, mail::Outgoing& out);

  db::Pool& pool_;
  rpc::Client& pipeline_;
  rpc::Client& capture_;
  const Clock& clock_;
  const std::string default_sender_;
  MailWriter writer_;
};

}  // namespace embudo::automation::events
