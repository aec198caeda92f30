#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/client.h"
#include "common/rpc/service.h"
#include "services/capture/logic/link_token.h"

namespace embudo::capture::rpc {

/// What the handlers of forms, hooks and links work on: the administration of what serves strangers.
struct PublicRoom {
  /// `rpc_pool` is of the capture_rpc role. `uri` is what the public addresses begin with.
  PublicRoom(db::Pool& rpc_pool, embudo::rpc::Client& pipeline_client, const Clock& a_clock, logic::LinkSigner a_signer,
             std::string uri);

  db::Pool& pool;
  embudo::rpc::Client& pipeline;
  const Clock& clock;
  const logic::LinkSigner signer;
  const std::string public_uri;
  resource::Writer writer;
  resource::Resource forms;
  resource::Resource hooks;
};

std::unique_ptr<embudo::rpc::Service> MakeFormService(PublicRoom& room);
std::unique_ptr<embudo::rpc::Service> MakeHookService(PublicRoom& room);
std::unique_ptr<embudo::rpc::Service> MakeLinkService(PublicRoom& room);

}  // namespace embudo::capture::rpc
