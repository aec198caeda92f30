#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/message.pb.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/message.h"

namespace embudo::capture::events {

/// The conversations of leads, as the gateway reads and writes them.
class MailConversation {
 public:
  /// `key` tells the mail from all others.
  MailConversation(embudo::rpc::Client& pipeline, const embudo::rpc::Identity& identity, std::string key)
      : pipeline_(pipeline), identity_(identity), key_(std::move(key)) {}

  /// The mails that have one of these Message-IDs, by it. Of very many ids only the first are asked for.
  absl::StatusOr<std::map<std::string, type::v1::Message>> Find(const std::vector<std::string>& message_ids);
  /// Adds the mail to a lead's conversation, with its attachments, and returns the entry's name. Doing it again changes
  /// nothing.
  absl::StatusOr<std::string> Add(const std::string& lead, const mail::Mail& mail, const mail::Folded& folded,
                                  bool automatic);

 private:
  /// Attachments that the pipeline service does not take, programs above all, stay in the kept mail alone.
  absl::StatusOr<std::vector<std::string>> Upload(const std::string& lead, const mail::Mail& mail);
  absl::StatusOr<std::string> UploadOne(const std::string& lead, size_t number, const mail::Attachment& attachment);
  std::string IdFor(const std::string& what) const;

  embudo::rpc::Client& pipeline_;
  const embudo::rpc::Identity& identity_;
  const std::string key_;
};

}  // namespace embudo::capture::events
