// Amounts in the tenant's currency at dated rates.

#include "common/base/money.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using type::v1::ExchangeRate;
using type::v1::Lead;

class ExchangeRateTest : public PipelineTest {
 protected:
  static pipeline::v1::CreateExchangeRateRequest RateRequest(const std::string& currency, Day day,
                                                             const std::string& rate) {
    pipeline::v1::CreateExchangeRateRequest request;
    request.mutable_exchange_rate()->set_currency_code(currency);
    *request.mutable_exchange_rate()->mutable_start_date() = ToDate(day);
    request.mutable_exchange_rate()->set_rate(rate);
    return request;
  }
  ExchangeRate SetRate(Day day, const std::string& rate) const {
    return admin_.Must<ExchangeRate>(RateRequest("EUR", day, rate));
  }
  static Day Today() { return std::chrono::floor<std::chrono::days>(suite().clock().Now()); }
  absl::StatusOr<Lead> Create(int64_t units, const std::string& currency) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    request.mutable_lead()->mutable_expected_revenue()->set_units(units);
    request.mutable_lead()->mutable_expected_revenue()->set_currency_code(currency);
    return admin_.Call<Lead>(request);
  }
  static std::string Converted(const Lead& lead) {
    if (!lead.has_converted_expected_revenue()) return "none";
    return ToNumeric(lead.converted_expected_revenue()) + lead.converted_expected_revenue().currency_code();
  }
};

TEST_F(ExchangeRateTest, AmountsAreConvertedWhenTheyAreWritten) {
  EXPECT_EQ(Converted(*Create(100, "")), "100USD");
  const auto missing = Create(100, "EUR");
  EXPECT_EQ(missing.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(BadFields(missing.status()), ElementsAre("lead.expected_revenue"));
  EXPECT_THAT(std::string(missing.status().message()), ::testing::HasSubstr("no exchange rate of EUR to USD on 20"));

  SetRate(Today() - std::chrono::days(30), "1.1");
  SetRate(Today() + std::chrono::days(1), "1.2345");
  const auto lead = Create(100, "EUR");
  ASSERT_TRUE(lead.ok()) << lead.status();
  EXPECT_EQ(Converted(*lead), "110USD");
  EXPECT_EQ(ToNumeric(lead->expected_revenue()), "100");

  suite().Advance(std::chrono::hours(24));
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead->name());
  update.mutable_lead()->set_email("ana@example.com");
  EXPECT_EQ(Converted(admin_.Must<Lead>(update)), "110USD");
  *update.mutable_lead()->mutable_expected_revenue() = lead->expected_revenue();
  update.mutable_lead()->mutable_expected_revenue()->set_units(200);
  EXPECT_EQ(Converted(admin_.Must<Lead>(update)), "246.9USD");

  // Filters and orders go by what compares.
  const std::string other = Create(240, "USD")->name();
  pipeline::v1::ListLeadsRequest list;
  list.set_filter("expected_revenue > 200");
  list.set_order_by("expected_revenue");
  const auto page = admin_.Must<pipeline::v1::ListLeadsResponse>(list);
  ASSERT_EQ(page.leads_size(), 2);
  EXPECT_EQ(page.leads(0).name(), other);
  EXPECT_EQ(page.leads(1).name(), lead->name());

  update.Clear();
  update.mutable_lead()->set_name(lead->name());
  update.mutable_update_mask()->add_paths("expected_revenue");
  EXPECT_EQ(Converted(admin_.Must<Lead>(update)), "none");
}

TEST_F(ExchangeRateTest, AWonDealHasTheRateOfItsDay) {
  SetRate(Today(), "1.1");
  SetRate(Today() + std::chrono::days(2), "1.3");
  const std::string lead = Create(100, "EUR")->name();
  suite().Advance(std::chrono::hours(48));
  pipeline::v1::WinLeadRequest win;
  win.set_name(lead);
  win.set_override_reason("signed");
  EXPECT_EQ(Converted(manager_.Must<Lead>(win)), "130USD");
}

TEST_F(ExchangeRateTest, AnImportedDealHasTheRateOfItsTime) {
  SetRate(Today() - std::chrono::days(100), "1.5");
  SetRate(Today() - std::chrono::days(50), "2");
  pipeline::v1::BulkUpsertLeadsRequest import;
  const auto add = [&](const std::string& id, int opened, int closed, const std::string& currency) {
    Lead& lead = *import.add_items()->mutable_lead();
    lead.set_display_name("Imported");
    lead.add_external_ids()->set_system("crm");
    lead.mutable_external_ids(0)->set_id(id);
    lead.mutable_expected_revenue()->set_units(10);
    lead.mutable_expected_revenue()->set_currency_code(currency);
    *lead.mutable_open_time() = ToTimestamp(Today() - std::chrono::days(opened));
    if (closed == 0) return;
    lead.set_state(Lead::STATE_LOST);
    *lead.mutable_close_time() = ToTimestamp(Today() - std::chrono::days(closed));
  };
  add("open", 90, 0, "EUR");
  add("closed", 90, 40, "EUR");
  add("too old", 200, 150, "EUR");
  add("unknown", 90, 0, "CHF");
  const auto results = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(import).results();
  EXPECT_EQ(Converted(GetLead(results[0].name())), "15USD");
  EXPECT_EQ(Converted(GetLead(results[1].name())), "20USD");
  for (const int refused : {2, 3}) {
    EXPECT_EQ(results[refused].outcome(), pipeline::v1::BulkResult::OUTCOME_REFUSED);
    EXPECT_THAT(BadFields(FromRpcStatus(results[refused].error())), ElementsAre("lead.expected_revenue"));
  }
}

TEST_F(ExchangeRateTest, OneRateACurrencyAndDay) {
  const ExchangeRate rate = SetRate(Today(), "1.1");
  EXPECT_THAT(admin_.Call<ExchangeRate>(RateRequest("EUR", Today(), "1.2")),
              IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_TRUE(admin_.Call<ExchangeRate>(RateRequest("CHF", Today(), "1.2")).ok());
  EXPECT_THAT(BadFields(admin_.Call<ExchangeRate>(RateRequest("USD", Today(), "1")).status()),
              ElementsAre("exchange_rate.currency_code"));
  EXPECT_THAT(BadFields(admin_.Call<ExchangeRate>(RateRequest("JPY", Today(), "0")).status()),
              ElementsAre("exchange_rate.rate"));
  pipeline::v1::DeleteExchangeRateRequest remove;
  remove.set_name(rate.name());
  admin_.Must<ExchangeRate>(remove);
  EXPECT_FALSE(Create(1, "EUR").ok());
  EXPECT_EQ(Converted(*Create(1, "CHF")), "1.2USD");
  SetRate(Today(), "1.25");
  EXPECT_EQ(Converted(*Create(1, "EUR")), "1.25USD");
}

}  // namespace
}  // namespace embudo::testing
