#pragma once

#include <string>

#include "absl/status/status.h"
#include "embudo/type/v1/message.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// What CreateMessage takes: notes, calls and chats of everybody, mails from customers of services.
absl::Status CheckMayCreate(const type::v1::Message& message, bool service);
/// Normalises a new message, fills what its type and its text say, and checks it.
absl::Status PrepareNew(const Scene& scene, type::v1::Message& message);
/// The same for one that a person has edited.
absl::Status PrepareChanged(const Scene& scene, const type::v1::Message& before, type::v1::Message& message);
/// FAILED_PRECONDITION unless messages of this type can be edited: notes and calls.
absl::Status CheckEditable(const type::v1::Message& message);
/// FAILED_PRECONDITION unless messages of this type can be deleted: all but mails and what the system logged.
absl::Status CheckDeletable(const type::v1::Message& message);
/// Takes in how far a mail to the customer is. It never goes back: FAILED_PRECONDITION.
absl::Status RecordDelivery(type::v1::Message::DeliveryState state, const std::string& error,
                            type::v1::Message& message);
/// The message in a line, for those who are told of it.
std::string LineOf(const type::v1::Message& message);

}  // namespace embudo::pipeline::logic
