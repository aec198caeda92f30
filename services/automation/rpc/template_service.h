#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/automation/v1/template_service.pb.h"
#include "services/automation/events/mail_writer.h"

namespace embudo::automation {

/// Templates of mails by their standard methods, each checked before it is saved, and shown as a lead would get them.
class TemplateService {
 public:
  /// `pool` is of the automation_rpc role.
  TemplateService(db::Pool& pool, resource::Writer& writer, rpc::Client& pipeline, events::MailWriter& mails,
                  const Clock& clock);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::Status Prepare(const rpc::CallContext& call, google::protobuf::Message& after);
  absl::StatusOr<v1::PreviewMailTemplateResponse> Preview(const rpc::CallContext& call,
                                                          const v1::PreviewMailTemplateRequest& request);

  db::Pool& pool_;
  rpc::Client& pipeline_;
  events::MailWriter& mails_;
  resource::Resource templates_;
};

}  // namespace embudo::automation
