#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/metrics/metrics.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "services/capture/events/intake.h"
#include "services/capture/storage/mail_store.h"

namespace embudo::capture::events {

/// Takes mails in, whichever way they come: reads, classifies and routes them, and writes them into the conversations
/// of leads. Thread-safe.
class MailGateway {
 public:
  MailGateway(Intake& intake, storage::MailStore& store, embudo::rpc::Client& pipeline, metrics::Registry& metrics)
      : intake_(intake), store_(store), pipeline_(pipeline), metrics_(metrics) {}

  /// `recipients` are those of the envelope, if they are known. Whatever is wrong with the mail, it is kept: an error
  /// means that somebody else (the database, the pipeline service) could not be reached, and that the same mail is to
  /// be brought again; it takes up where it was. INVALID_ARGUMENT, reason MAIL_EMPTY or MAIL_TOO_LARGE.
  absl::StatusOr<v1::ReceiveMailResponse> Receive(const Bringer& who, const std::vector<std::string>& recipients,
                                                  const std::string& bytes);

 private:
  Intake& intake_;
  storage::MailStore& store_;
  embudo::rpc::Client& pipeline_;
  metrics::Registry& metrics_;
};

}  // namespace embudo::capture::events
