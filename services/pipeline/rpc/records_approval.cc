// Rules of approvals.

#include "common/base/error.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::ApprovalRules() {
  Rules rules = UnderLead(EVENT_TYPE_APPROVAL_REQUESTED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_UNSPECIFIED);
  rules.default_order = "create_time desc";
  return rules;
}

}  // namespace embudo::pipeline::rpc
