#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/resource/resource.h"
#include "common/rpc/client.h"
#include "common/rpc/service.h"
#include "services/capture/events/mail_gateway.h"
#include "services/capture/storage/mail_store.h"

namespace embudo::capture::rpc {

/// What the handlers of mail work on.
struct MailRoom {
  /// `pool` is of the role capture_rpc.
  MailRoom(db::Pool& pool, resource::Writer& writer, events::Intake& an_intake, embudo::rpc::Client& client,
           const Clock& clock, metrics::Registry& metrics);

  events::Intake& intake;
  embudo::rpc::Client& pipeline;
  storage::MailStore mail;
  events::MailGateway gateway;
  resource::Resource mailboxes;
  resource::Resource mail_settings;
};

/// The room outlives the services.
std::unique_ptr<embudo::rpc::Service> MakeMailService(MailRoom& room);
std::unique_ptr<embudo::rpc::Service> MakeAddInService(MailRoom& room);

}  // namespace embudo::capture::rpc
