#include "common/base/error.h"
#include "common/base/resource_name.h"
#include "embudo/capture/v1/link_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "services/capture/rpc/public_services.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using logic::LinkKind;
using type::v1::Contact;
using type::v1::Lead;
using type::v1::Quote;

constexpr std::chrono::days kQuoteDays{90};
constexpr std::chrono::days kUnsubscribeDays{365};
constexpr std::chrono::days kMostDays{731};

/// `days`: how long a link is good if the request does not say.
template <class Request>
absl::StatusOr<v1::PublicLink> MakeLink(const PublicRoom& room, const CallContext& call, const Request& request,
                                        LinkKind kind, const std::string& name, std::chrono::days days) {
  if (!room.signer.enabled()) {
    return Error(absl::StatusCode::kFailedPrecondition, "LINKS_DISABLED",
                 "the service has no secret to sign links with")
        .Violation("CONFIGURATION", "link-secret-file", "is not set");
  }
  const Time now = room.clock.Now();
  const Time end = request.has_expire_time() ? FromTimestamp(request.expire_time()) : now + days;
  if (end <= now || end > now + kMostDays) {
    return InvalidField("expire_time", "is not between now and two years from now");
  }
  v1::PublicLink link;
  link.set_uri(room.public_uri + "/" + static_cast<char>(kind) + "/" +
               room.signer.Sign({kind, call.tenant(), name, end}));
  *link.mutable_expire_time() = ToTimestamp(end);
  return link;
}

absl::StatusOr<v1::PublicLink> CreateQuoteLink(PublicRoom& room, const CallContext& call,
                                               const v1::CreateQuoteLinkRequest& request) {
  EMBUDO_RETURN_IF_ERROR(ParseName(ResourcePattern("quotes/{quote}"), request.quote(), "quote").status());
  pipeline::v1::GetQuoteRequest get;
  get.set_name(request.quote());
  EMBUDO_ASSIGN_OR_RETURN(const Quote quote,
                          room.pipeline.Call<Quote>("embudo.pipeline.v1.QuoteService/GetQuote", call.identity, get));
  if (quote.document_sha256().empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT", quote.name() + " was not sent yet")
        .Violation("QUOTE", quote.name(), "was not sent yet");
  }
  return MakeLink(room, call, request, LinkKind::kQuote, quote.name(), kQuoteDays);
}

absl::StatusOr<v1::PublicLink> CreateUnsubscribeLink(PublicRoom& room, const CallContext& call,
                                                     const v1::CreateUnsubscribeLinkRequest& request) {
  if (request.contact().empty() == request.lead().empty()) {
    return InvalidField("contact", "or lead is required, and not both");
  }
  std::string contact = request.contact();
  if (contact.empty()) {
    EMBUDO_RETURN_IF_ERROR(ParseName(ResourcePattern("leads/{lead}"), request.lead(), "lead").status());
    pipeline::v1::GetLeadRequest get;
    get.set_name(request.lead());
    EMBUDO_ASSIGN_OR_RETURN(const Lead lead,
                            room.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", call.identity, get));
    if (lead.contact().empty()) {
      return MakeLink(room, call, request, LinkKind::kUnsubscribe, lead.name(), kUnsubscribeDays);
    }
    contact = lead.contact();
  }
  EMBUDO_RETURN_IF_ERROR(ParseName(ResourcePattern("contacts/{contact}"), contact, "contact").status());
  pipeline::v1::GetContactRequest get;
  get.set_name(contact);
  EMBUDO_ASSIGN_OR_RETURN(const Contact found, room.pipeline.Call<Contact>(
                                                   "embudo.pipeline.v1.ContactService/GetContact", call.identity, get));
  return MakeLink(room, call, request, LinkKind::kUnsubscribe, found.name(), kUnsubscribeDays);
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeLinkService(PublicRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::PublicLink::descriptor()->file()->service(0));
  service->Unary<v1::CreateQuoteLinkRequest, v1::PublicLink>(
      "CreateQuoteLink", [&room](const CallContext& call, const v1::CreateQuoteLinkRequest& request) {
        return CreateQuoteLink(room, call, request);
      });
  service->Unary<v1::CreateUnsubscribeLinkRequest, v1::PublicLink>(
      "CreateUnsubscribeLink", [&room](const CallContext& call, const v1::CreateUnsubscribeLinkRequest& request) {
        return CreateUnsubscribeLink(room, call, request);
      });
  return service;
}

}  // namespace embudo::capture::rpc
