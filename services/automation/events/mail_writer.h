#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/client.h"
#include "embudo/automation/v1/mail.pb.h"
#include "embudo/automation/v1/template.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "services/automation/mail/template.h"

namespace embudo::automation::events {

/// Fills templates in from leads, and writes mails into conversations. Thread-safe.
class MailWriter {
 public:
  MailWriter(rpc::Client& pipeline, rpc::Client& capture, const Clock& clock)
      : pipeline_(pipeline), capture_(capture), clock_(clock) {}

  absl::StatusOr<type::v1::Lead> GetLead(const rpc::Identity& who, const std::string& name);

  /// What a lead would get. `language` empty: the lead's. `sender` may be empty. Records that `who` can't see count as
  /// not there. Errors as Template's.
  absl::StatusOr<mail::Rendered> Fill(const rpc::Identity& who, const v1::MailTemplate& source,
                                      const type::v1::Lead& lead, const std::string& sender,
                                      const std::string& language, const std::string& time_zone);

  /// Writes a mail into its conversation; one that is there under the request's message_id is returned as it is.
  absl::StatusOr<type::v1::Message> Write(const rpc::Identity& who, const pipeline::v1::SendEmailRequest& request);

  /// Tells the conversation what came of a mail that is in it. OK also if it knows better.
  absl::Status Tell(const rpc::Identity& who, const v1::Mail& mail);

  /// A link by which the lead's contact, or who has its mail address, unsubscribes; empty if there can be none.
  absl::StatusOr<std::string> UnsubscribeLink(const rpc::Identity& who, const type::v1::Lead& lead);

 private:
  absl::Status Gather(const rpc::Identity& who, const mail::Template& compiled, const type::v1::Lead& lead,
                      const std::string& sender, mail::Records& records);

  rpc::Client& pipeline_;
  rpc::Client& capture_;
  const Clock& clock_;
};

}  // namespace embudo::automation::events
