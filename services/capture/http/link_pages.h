#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/quote.pb.h"
#include "services/capture/http/page.h"
#include "services/capture/logic/form_body.h"
#include "services/capture/logic/link_token.h"

namespace embudo::capture::http {

/// The pages behind signed links. `/q/{token}`: a quote, its document at `/q/{token}/document`, its acceptance and
/// refusal by POST to `/q/{token}/accept` and `/decline`. `/u/{token}`: no more mails (RFC 8058). Thread-safe.
class LinkPages {
 public:
  /// `worker_pool` is of the worker role.
  LinkPages(db::Pool& worker_pool, embudo::rpc::Client& pipeline, const logic::LinkSigner& signer, const Clock& clock)
      : worker_pool_(worker_pool), pipeline_(pipeline), signer_(signer), clock_(clock) {}

  /// `rest` is what stands behind `/q/`.
  Answer HandleQuote(const Visitor& visitor, const Request& request, const std::string& rest);
  /// `token` is what stands behind `/u/`.
  Answer HandleUnsubscribe(const Visitor& visitor, const Request& request, const std::string& token);

 private:
  Response ShowQuote(const logic::Link& link, const std::string& token);
  Response ShowDocument(const logic::Link& link);
  Response Accept(const Visitor& visitor, const logic::Link& link, const std::string& token,
                  const logic::FormFields& fields);
  Response Decline(const logic::Link& link, const std::string& token, const logic::FormFields& fields);
  Response Unsubscribe(const logic::Link& link, const std::string& token);
  /// Whom a link unsubscribes, still to be marked.
  absl::StatusOr<std::vector<std::string>> ContactsOf(const logic::Link& link, const std::string& token);
  absl::StatusOr<type::v1::Quote> GetQuote(const logic::Link& link);

  db::Pool& worker_pool_;
  embudo::rpc::Client& pipeline_;
  const logic::LinkSigner& signer_;
  const Clock& clock_;
};

}  // namespace embudo::capture::http
