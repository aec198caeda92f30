#pragma once

#include <memory>
#include <string>

#include "common/rpc/service.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "services/pipeline/events/eraser.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// What the privacy service stands on.
struct PrivacyRoom {
  const EventRoom& events;
  resource::Resource& erasures;
  Eraser& eraser;
};

/// `room` lives as long as the service.
std::unique_ptr<rpc::Service> MakePrivacyService(const PrivacyRoom& room);
/// Takes a person out of everything; the method of that name.
absl::StatusOr<v1::ErasePersonResponse> ErasePerson(const PrivacyRoom& room, const rpc::CallContext& call,
                                                    const v1::ErasePersonRequest& request);
/// The handler of one ExportPerson.
std::shared_ptr<rpc::StreamHandler> MakeExport(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream);

/// The normalised address and the contact's id of a request that names a person; errors name the fields.
struct PersonQuery {
  std::string contact;
  std::string email;
};
absl::StatusOr<PersonQuery> QueryOf(const std::string& contact, const std::string& email);

}  // namespace embudo::pipeline::events
