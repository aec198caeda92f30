// Rules of a lead's conversation: messages, attachments, and what users are told.

#include "common/base/error.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::MessageRules() {
  Rules rules = UnderLead(EVENT_TYPE_MESSAGE_CREATED, EVENT_TYPE_MESSAGE_UPDATED, EVENT_TYPE_MESSAGE_DELETED);
  rules.default_order = "create_time desc";
  return rules;
}

Rules Records::AttachmentRules() {
  Rules rules = UnderLead(EVENT_TYPE_ATTACHMENT_CREATED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_ATTACHMENT_DELETED);
  rules.default_order = "create_time desc";
  return rules;
}

Rules Records::NotificationRules() {
  Rules rules;
  rules.default_order = "create_time desc";
  // One's own, and nobody else's.
  rules.visible = [](const CallContext& call, const google::protobuf::Message& record) {
    return resource::NameOf(record).starts_with(call.identity.actor + "/");
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
