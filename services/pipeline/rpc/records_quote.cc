// Rules of quotes and orders.

#include "common/base/error.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::QuoteRules() {
  Rules rules;
  rules.created = EVENT_TYPE_QUOTE_CREATED;
  rules.updated = EVENT_TYPE_QUOTE_UPDATED;
  rules.deleted = EVENT_TYPE_QUOTE_DELETED;
  rules.default_order = "create_time desc";
  return rules;
}

Rules Records::OrderRules() {
  Rules rules;
  rules.created = EVENT_TYPE_ORDER_CONFIRMED;
  rules.default_order = "create_time desc";
  return rules;
}

}  // namespace embudo::pipeline::rpc
