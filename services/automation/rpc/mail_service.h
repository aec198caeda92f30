#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/automation/v1/mail_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "services/automation/events/mail_writer.h"

namespace embudo::automation {

/// Mails that go out: written from templates, called back, taken up again.
class MailService {
 public:
  /// `pool` is of the automation_rpc role; `wake` tells that a mail is due.
  MailService(db::Pool& pool, resource::Writer& writer, events::MailWriter& mails, const Clock& clock,
              std::function<void()> wake);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::StatusOr<v1::Mail> SendMail(const rpc::CallContext& call, const v1::SendMailRequest& request);
  /// What the pipeline is asked to write.
  absl::StatusOr<pipeline::v1::SendEmailRequest> WriteFrom(const rpc::CallContext& call,
                                                           const v1::SendMailRequest& request);
  absl::StatusOr<v1::Mail> CancelMail(const rpc::CallContext& call, const v1::CancelMailRequest& request);
  absl::StatusOr<v1::Mail> RetryMail(const rpc::CallContext& call, const v1::RetryMailRequest& request);

  db::Pool& pool_;
  events::MailWriter& writer_;
  const Clock& clock_;
  const std::function<void()> wake_;
  resource::Resource mails_;
};

}  // namespace embudo::automation
