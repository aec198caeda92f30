#include "services/capture/http/public_site.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <chrono>

#include "common/base/ids.h"
#include "common/log/log.h"
#include "common/rpc/call_context.h"

namespace embudo::capture::http {
namespace {

constexpr std::chrono::seconds kDeadline{10};

/// What stands behind a prefix of a path; nullopt if the path has another.
std::optional<std::string> Behind(const std::string& path, std::string_view prefix) {
  if (!path.starts_with(prefix) || path.size() == prefix.size()) return std::nullopt;
  return path.substr(prefix.size());
}

/// For the log: a stranger may call any word a method.
const char* MethodName(const std::string& method) {
  for (const char* known : {"GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"}) {
    if (method == known) return known;
  }
  return "other";
}

}  // namespace

PublicSite::PublicSite(db::Pool& worker_pool, db::Pool& pool, embudo::rpc::Client& pipeline,
                       const logic::LinkSigner& signer, const Clock& clock, metrics::Registry& metrics,
                       SiteOptions options)
    : clock_(clock),
      metrics_(metrics),
      options_(options),
      intake_(pool, pipeline, clock),
      limiter_(clock),
      forms_(worker_pool, intake_, limiter_, clock),
      hooks_(worker_pool, intake_, limiter_, clock),
      links_(worker_pool, pipeline, signer, clock) {}

Answer PublicSite::Route(const Visitor& visitor, const Request& request, std::string* route) {
  if (const auto key = Behind(request.path, "/forms/")) {
    *route = "/forms";
    return forms_.Handle(visitor, request, *key);
  }
  if (const auto key = Behind(request.path, "/webhooks/")) {
    *route = "/webhooks";
    return hooks_.Handle(visitor, request, *key);
  }
  if (const auto rest = Behind(request.path, "/q/")) {
    *route = "/q";
    return links_.HandleQuote(visitor, request, *rest);
  }
  if (const auto token = Behind(request.path, "/u/")) {
    *route = "/u";
    return links_.HandleUnsubscribe(visitor, request, *token);
  }
  return {NotFoundAnswer()};
}

Response PublicSite::Handle(const Request& request) {
  const auto begin = std::chrono::steady_clock::now();
  embudo::rpc::CallContext call;
  call.method = "http";
  call.call_id = Uuid::V7(clock_.Now()).ToString();
  call.deadline = begin + kDeadline;
  const embudo::rpc::CallScope scope(call);

  const Visitor visitor{embudo::http::ClientAddress(request, options_.proxy_hops), call.deadline};
  std::string route = "other";
  Answer answer;
  const auto wait = limiter_.Take("/" + embudo::http::AddressGroup(visitor.address), options_.address_rate_per_minute);
  if (wait) {
    answer.response = TextAnswer(429, "too many requests");
    answer.response.headers.emplace_back("Retry-After", std::to_string(wait->count()));
  } else {
    answer = Route(visitor, request, &route);
  }
  AddSecurityHeaders(answer.response);

  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const int status = answer.response.status;
  metrics_
      .Counter("embudo_http_requests_total", "Requests of strangers, by what they asked for and how it was answered.",
               {{"route", route}, {"status", std::to_string(status)}})
      .Increment();
  metrics_.Latency("embudo_http_request_seconds", "How long they took.", {{"route", route}}).Observe(took.count());
  if (log::InfoEnabled()) {
    log::Info("http", {{"method", MethodName(request.method)},
                       {"route", route},
                       {"status", status},
                       {"ms", static_cast<int64_t>(took.count() * 1000)},
                       {"bytes", request.body.size()},
                       {"tenant", answer.tenant},
                       {"name", answer.name}});
  }
  return std::move(answer.response);
}

}  // namespace embudo::capture::http
