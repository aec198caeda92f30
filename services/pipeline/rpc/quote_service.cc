#include "embudo/pipeline/v1/quote_service.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {

std::unique_ptr<embudo::rpc::Service> MakeQuoteService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetQuoteRequest::descriptor()->file()->service(0));
  records.quotes().Bind(*service);
  records.orders().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
