#pragma once

#include <string>

#include "common/base/money.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {

/// What tests of quotes and orders do again and again.
class QuoteFixture : public PipelineTest {
 protected:
  static google::type::Money Amount(const std::string& text, const std::string& currency = "USD") {
    return *MoneyFromNumeric(text, currency);
  }

  /// A deal that is expected to bring 1,000 USD.
  type::v1::Lead CreateDeal(const std::function<void(type::v1::Lead&)>& change = {}) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Ten laptops");
    request.mutable_lead()->set_company_name("Acme");
    request.mutable_lead()->set_email("ada@example.com");
    *request.mutable_lead()->mutable_expected_revenue() = Amount("1000");
    if (change) change(*request.mutable_lead());
    return admin_.Must<type::v1::Lead>(request);
  }
  static pipeline::v1::CreateQuoteRequest NewQuote(const std::string& lead) {
    pipeline::v1::CreateQuoteRequest request;
    request.mutable_quote()->set_lead(lead);
    return request;
  }
  type::v1::Quote CreateQuote(const std::string& lead) const { return admin_.Must<type::v1::Quote>(NewQuote(lead)); }
  type::v1::Quote GetQuote(const std::string& name) const {
    return admin_.Must<type::v1::Quote>(Named<pipeline::v1::GetQuoteRequest>(name));
  }

  /// A request whose name is this.
  template <class Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }
  absl::StatusOr<type::v1::Quote> Send(const std::string& quote) const {
    return admin_.Call<type::v1::Quote>(Named<pipeline::v1::SendQuoteRequest>(quote));
  }
  absl::StatusOr<type::v1::Quote> Revise(const std::string& quote) const {
    return admin_.Call<type::v1::Quote>(Named<pipeline::v1::ReviseQuoteRequest>(quote));
  }
  absl::StatusOr<type::v1::Quote> Cancel(const std::string& quote) const {
    return admin_.Call<type::v1::Quote>(Named<pipeline::v1::CancelQuoteRequest>(quote));
  }
  absl::StatusOr<type::v1::Quote> Decline(const std::string& quote) const {
    auto request = Named<pipeline::v1::DeclineQuoteRequest>(quote);
    request.set_decline_reason("Too slow");
    return admin_.Call<type::v1::Quote>(request);
  }
  static pipeline::v1::AcceptQuoteRequest Signed(const std::string& quote, const std::string& sha256) {
    auto request = Named<pipeline::v1::AcceptQuoteRequest>(quote);
    request.mutable_signature()->set_signer_name("Ada Lovelace");
    request.mutable_signature()->set_signer_email("ada@example.com");
    request.mutable_signature()->set_ip_address("192.0.2.7");
    request.mutable_signature()->set_document_sha256(sha256);
    return request;
  }
  absl::StatusOr<type::v1::Quote> Accept(const type::v1::Quote& quote) const {
    return admin_.Call<type::v1::Quote>(Signed(quote.name(), quote.document_sha256()));
  }
  absl::StatusOr<type::v1::Order> Confirm(const std::string& quote) const {
    return admin_.Call<type::v1::Order>(Named<pipeline::v1::ConfirmQuoteRequest>(quote));
  }
  type::v1::Quote SentQuote(const std::string& lead) const { return *Send(CreateQuote(lead).name()); }

  void Lose(const std::string& lead) const { admin_.Must<type::v1::Lead>(Named<pipeline::v1::LoseLeadRequest>(lead)); }
};

}  // namespace embudo::testing
