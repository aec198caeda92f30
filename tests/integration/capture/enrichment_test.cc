// What others know of a lead's company.

#include <httplib.h>

#include <filesystem>
#include <mutex>

#include "embudo/capture/v1/enrichment_service.pb.h"
#include "services/capture/events/http_lookup.h"
#include "tests/integration/capture/suite.h"

namespace embudo::testing {
namespace {

using capture::v1::Enrichment;
using capture::v1::EnrichmentAttempt;
using capture::v1::EnrichmentProvider;
using capture::v1::EnrichmentUsage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kCompanies[] =
    "domain,name,industry,employees,country\n"
    "https://www.acme.example/about,Acme,Retail,120,DE\n"
    "no domain,Nobody,,,\n"
    "other.example,Other,Energy,7,FR\n"
    "acme.example,Acme again,Retail,1,DE\n";

/// The field that a call was refused for.
std::string FieldOf(const absl::Status& status) {
  google::rpc::BadRequest bad;
  const google::rpc::Status told = ToRpcStatus(status);
  for (const auto& detail : told.details()) detail.UnpackTo(&bad);
  return bad.field_violations_size() > 0 ? bad.field_violations(0).field() : "";
}

/// A service on the web that knows acme.example.
class Web {
 public:
  Web() {
    server_.Get("/companies/(.*)", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      asked_.push_back(request.matches[1]);
      key_ = request.get_header_value("X-Key");
      response.status = status_;
      if (status_ == 200) response.set_content(answer_, "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_TRUE(Eventually([&] { return server_.is_running(); }));
  }
  ~Web() {
    server_.stop();
    thread_.join();
  }

  std::string uri() const { return "http://127.0.0.1:" + std::to_string(port_) + "/companies/{domain}"; }
  void Answer(int status, const std::string& json = "") {
    const std::lock_guard lock(mutex_);
    status_ = status;
    answer_ = json;
  }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string key() {
    const std::lock_guard lock(mutex_);
    return key_;
  }

 private:
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::mutex mutex_;
  int status_ = 200;
  std::string answer_ =
      R"({"company": {"name": "Acme GmbH", "sector": "Retail", "size": "51-200"}, "phones": ["+49 30 901820"]})";
  std::vector<std::string> asked_;
  std::string key_;
};

class EnrichmentTest : public CaptureTest {
 protected:
  static capture::v1::FieldMapping Mapping(const std::string& source, const std::string& field) {
    capture::v1::FieldMapping mapping;
    mapping.set_source(source);
    mapping.set_field(field);
    return mapping;
  }
  absl::StatusOr<EnrichmentProvider> CreateProvider(const std::string& id,
                                                    const std::function<void(EnrichmentProvider&)>& change) {
    capture::v1::CreateEnrichmentProviderRequest request;
    request.set_enrichment_provider_id(id);
    request.mutable_enrichment_provider()->set_display_name("Provider " + id);
    change(*request.mutable_enrichment_provider());
    return Capture<EnrichmentProvider>("EnrichmentService/CreateEnrichmentProvider", request);
  }
  EnrichmentProvider NewList(const std::string& id = "list", int rank = 0) {
    auto provider = CreateProvider(id, [&](EnrichmentProvider& record) {
      record.mutable_company_list();
      record.set_rank(rank);
    });
    EXPECT_TRUE(provider.ok()) << provider.status();
    return provider.ok() ? *provider : EnrichmentProvider();
  }
  EnrichmentProvider NewHttp(const Web& web, const std::function<void(EnrichmentProvider&)>& change = {}) {
    auto provider = CreateProvider("web", [&](EnrichmentProvider& record) {
      record.mutable_http()->set_uri(web.uri());
      *record.add_fields() = Mapping("company.name", "company_name");
      *record.add_fields() = Mapping("/company/sector", "industry");
      *record.add_fields() = Mapping("phones[0]", "phone");
      auto& size = *record.add_fields() = Mapping("company.size", "headcount");
      (*size.mutable_values())["51-200"] = "120";
      if (change) change(record);
    });
    EXPECT_TRUE(provider.ok()) << provider.status();
    return provider.ok() ? *provider : EnrichmentProvider();
  }
  absl::StatusOr<capture::v1::LoadCompanyListResponse> Load(const std::string& provider, const std::string& csv) {
    const auto file = Upload(csv);
    EXPECT_TRUE(file.ok()) << file.status();
    capture::v1::LoadCompanyListRequest request;
    request.set_name(provider);
    request.set_file(file->name());
    return Capture<capture::v1::LoadCompanyListResponse>("EnrichmentService/LoadCompanyList", request);
  }
  Lead NewLead(const std::function<void(Lead&)>& change = {}) {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A lead");
    request.mutable_lead()->set_email("ada@acme.example");
    if (change) change(*request.mutable_lead());
    return Pipeline<Lead>("LeadService/CreateLead", request);
  }
  absl::StatusOr<Enrichment> TryEnrich(const std::string& lead, bool force = false,
                                       const std::string& request_id = "") {
    capture::v1::EnrichLeadRequest request;
    request.set_lead(lead);
    request.set_force(force);
    request.set_request_id(request_id);
    return Capture<Enrichment>("EnrichmentService/EnrichLead", request);
  }
  Enrichment Enrich(const std::string& lead, bool force = false) {
    auto enrichment = TryEnrich(lead, force);
    EXPECT_TRUE(enrichment.ok()) << enrichment.status();
    return enrichment.ok() ? *enrichment : Enrichment();
  }
  EnrichmentUsage Usage() {
    const auto usage =
        Capture<EnrichmentUsage>("EnrichmentService/GetEnrichmentUsage", capture::v1::GetEnrichmentUsageRequest());
    EXPECT_TRUE(usage.ok()) << usage.status();
    return usage.ok() ? *usage : EnrichmentUsage();
  }
  void SetCredits(int64_t most) {
    capture::v1::UpdateCaptureSettingsRequest request;
    request.mutable_settings()->set_monthly_enrichment_credits(most);
    EXPECT_TRUE(Capture<capture::v1::CaptureSettings>("CaptureService/UpdateCaptureSettings", request).ok());
  }
};

TEST_F(EnrichmentTest, AListFillsWhatIsEmptyAndNothingElse) {
  const EnrichmentProvider provider = NewList();
  EXPECT_EQ(provider.company_list().domain_column(), "domain");
  const auto loaded = Load(provider.name(), kCompanies);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->company_count(), 2);
  EXPECT_EQ(loaded->left_out_count(), 2);
  EXPECT_THAT(loaded->left_out(), ElementsAre("row 3, column \"domain\": is no domain"));
  EXPECT_EQ(loaded->enrichment_provider().company_list().company_count(), 2);

  const Lead lead = NewLead([](Lead& record) { record.set_industry("Typed by a person"); });
  const Enrichment enrichment = Enrich(lead.name());
  EXPECT_EQ(enrichment.state(), Enrichment::STATE_SUCCEEDED);
  EXPECT_EQ(enrichment.provider(), provider.name());
  EXPECT_EQ(enrichment.domain(), "acme.example");
  EXPECT_THAT(enrichment.filled_fields(), ElementsAre("company_name", "headcount", "country"));
  const Lead after = GetLead(lead.name());
  EXPECT_EQ(after.company_name(), "Acme");
  EXPECT_EQ(after.headcount(), 120);
  EXPECT_EQ(after.country(), "DE");
  EXPECT_EQ(after.industry(), "Typed by a person");
  // No person has touched it.
  EXPECT_EQ(after.last_touch_time().seconds(), lead.last_touch_time().seconds());
  const auto messages = MessagesOf(lead.name());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].type(), type::v1::Message::TYPE_INTERNAL_NOTE);
  EXPECT_THAT(messages[0].body(), HasSubstr("Provider list (acme.example): company_name headcount country"));
  // Again: the answer of before, and nobody is asked.
  EXPECT_EQ(Enrich(lead.name()).name(), enrichment.name());
  EXPECT_THAT(MessagesOf(lead.name()), SizeIs(1));
  // A list that is loaded again is another list.
  ASSERT_TRUE(Load(provider.name(), "domain,name\nother.example,Other\n").ok());
  EXPECT_EQ(Enrich(lead.name(), true).state(), Enrichment::STATE_NO_MATCH);
}

TEST_F(EnrichmentTest, AServiceOnTheWebIsAskedWithItsKey) {
  Web web;
  std::filesystem::create_directories(installation_->temp.path() / tenant_);
  std::ofstream(installation_->temp.path() / tenant_ / "provider-key") << "s3cret\n";
  NewHttp(web, [](EnrichmentProvider& record) {
    record.mutable_http()->set_key_header("X-Key");
    record.mutable_http()->set_key_prefix("Token ");
    record.mutable_http()->set_key_file("provider-key");
  });
  const Lead lead = NewLead();
  const Enrichment enrichment = Enrich(lead.name());
  EXPECT_EQ(enrichment.state(), Enrichment::STATE_SUCCEEDED);
  EXPECT_THAT(web.asked(), ElementsAre("acme.example"));
  EXPECT_EQ(web.key(), "Token s3cret");
  const Lead after = GetLead(lead.name());
  EXPECT_EQ(after.company_name(), "Acme GmbH");
  EXPECT_EQ(after.industry(), "Retail");
  EXPECT_EQ(after.phone(), "+4930901820");
  EXPECT_EQ(after.headcount(), 120);
}

TEST_F(EnrichmentTest, AnAddressOfThisMachineIsNotConnectedToUnlessAllowed) {
  Web web;
  capture::events::HttpLookup lookup;
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    lookup.uri = web.uri();
    lookup.uri.replace(lookup.uri.find("127.0.0.1"), 9, host);
    EXPECT_EQ(capture::events::LookUp(lookup).status().code(), absl::StatusCode::kUnavailable) << host;
  }
  EXPECT_THAT(web.asked(), IsEmpty());
  lookup.private_targets = true;
  EXPECT_TRUE(capture::events::LookUp(lookup).ok());
  EXPECT_THAT(web.asked(), SizeIs(1));
}

TEST_F(EnrichmentTest, ProvidersAreAskedInOrderAndFailuresAreTold) {
  Web web;
  NewHttp(web, [](EnrichmentProvider& record) { record.set_credits_per_match(3); });
  NewList("list", 10);
  const Lead lead = NewLead();
  web.Answer(500);
  Enrichment enrichment = Enrich(lead.name());
  EXPECT_EQ(enrichment.state(), Enrichment::STATE_FAILED);
  ASSERT_THAT(enrichment.attempts(), SizeIs(2));
  EXPECT_EQ(enrichment.attempts(0).provider(), "enrichmentProviders/web");
  EXPECT_EQ(enrichment.attempts(0).outcome(), EnrichmentAttempt::OUTCOME_FAILED);
  EXPECT_EQ(enrichment.attempts(0).error(), "it answered 500");
  EXPECT_EQ(enrichment.attempts(1).outcome(), EnrichmentAttempt::OUTCOME_NO_MATCH);
  // One that failed is tried again without being forced.
  web.Answer(200, "no JSON");
  EXPECT_EQ(Enrich(lead.name()).attempts(0).outcome(), EnrichmentAttempt::OUTCOME_FAILED);
  EXPECT_EQ(Usage().used_credits(), 0);
  web.Answer(404);
  EXPECT_EQ(Enrich(lead.name()).state(), Enrichment::STATE_NO_MATCH);
  web.Answer(200, R"({"company": {"name": "Acme"}})");
  enrichment = Enrich(lead.name(), true);
  EXPECT_EQ(enrichment.state(), Enrichment::STATE_SUCCEEDED);
  EXPECT_EQ(enrichment.credits(), 3);
  EXPECT_THAT(enrichment.attempts(), SizeIs(1));
  EXPECT_EQ(Usage().used_credits(), 3);
}

TEST_F(EnrichmentTest, CreditsAreNotOverspentByCallsAtOnce) {
  Web web;
  NewHttp(web, [](EnrichmentProvider& record) { record.set_credits_per_match(2); });
  SetCredits(7);
  std::vector<std::string> leads;
  for (int i = 0; i < 8; ++i) leads.push_back(NewLead().name());
  std::vector<std::thread> threads;
  std::atomic<int> matched{0};
  std::atomic<int> unpaid{0};
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < leads.size(); i += 2) {
        const Enrichment enrichment = Enrich(leads[i]);
        matched += enrichment.state() == Enrichment::STATE_SUCCEEDED ? 1 : 0;
        unpaid += enrichment.attempts(0).outcome() == EnrichmentAttempt::OUTCOME_NO_CREDITS ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(matched, 3);
  EXPECT_EQ(unpaid, 5);
  EXPECT_THAT(web.asked(), SizeIs(3));
  EXPECT_EQ(Usage().used_credits(), 6);
  EXPECT_EQ(Usage().monthly_credits(), 7);
}

TEST_F(EnrichmentTest, NobodyIsAskedAboutWhoTellsNoCompany) {
  Web web;
  NewHttp(web);
  const auto reason = [&](const std::function<void(Lead&)>& change) { return Enrich(NewLead(change).name()).reason(); };
  EXPECT_EQ(reason([](Lead& lead) { lead.set_email("ada@gmail.com"); }), "FREE_MAIL_DOMAIN");
  EXPECT_EQ(reason([](Lead& lead) { lead.clear_email(); }), "NO_DOMAIN");
  EXPECT_THAT(web.asked(), IsEmpty());
  const auto by_site = [](Lead& lead) {
    lead.set_email("ada@gmail.com");
    lead.set_website("https://www.acme.example/de");
  };
  EXPECT_EQ(reason(by_site), "");
  EXPECT_THAT(web.asked(), ElementsAre("acme.example"));
}

TEST_F(EnrichmentTest, ARepeatedCallIsAnsweredOnce) {
  Web web;
  NewHttp(web);
  const Lead lead = NewLead();
  const std::string id = Uuid::V7(Clock::System().Now()).ToString();
  const auto first = TryEnrich(lead.name(), true, id);
  const auto again = TryEnrich(lead.name(), true, id);
  ASSERT_TRUE(first.ok() && again.ok()) << first.status() << again.status();
  EXPECT_EQ(first->name(), again->name());
  EXPECT_THAT(web.asked(), SizeIs(1));
  EXPECT_EQ(ReasonOf(TryEnrich(NewLead().name(), true, id).status()), "REQUEST_ID_REUSED");
  capture::v1::GetEnrichmentRequest get;
  get.set_name(first->name());
  EXPECT_EQ(Capture<Enrichment>("EnrichmentService/GetEnrichment", get)->lead(), lead.name());
  capture::v1::ListEnrichmentsRequest list;
  list.set_filter("lead = \"" + lead.name() + "\"");
  const auto page = Capture<capture::v1::ListEnrichmentsResponse>("EnrichmentService/ListEnrichments", list);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(page->enrichments(), SizeIs(1));
}

TEST_F(EnrichmentTest, AProviderThatCannotWorkIsRefused) {
  const auto refused = [&](const std::function<void(EnrichmentProvider&)>& change) {
    const absl::Status status = CreateProvider("", change).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return FieldOf(status);
  };
  EXPECT_EQ(refused([](EnrichmentProvider&) {}), "enrichment_provider.http");
  EXPECT_EQ(refused([](EnrichmentProvider& record) { record.mutable_http()->set_uri("https://a.example/{domain}"); }),
            "enrichment_provider.fields");
  const auto with_uri = [&](const std::string& uri) {
    return refused([&](EnrichmentProvider& record) {
      record.mutable_http()->set_uri(uri);
      *record.add_fields() = Mapping("name", "company_name");
    });
  };
  EXPECT_EQ(with_uri("https://a.example/"), "enrichment_provider.http.uri");
  EXPECT_EQ(with_uri("https://{domain}/about"), "enrichment_provider.http.uri");
  EXPECT_EQ(with_uri("ftp://a.example/{domain}"), "enrichment_provider.http.uri");
  const auto with_field = [&](const std::string& source, const std::string& field) {
    return refused([&](EnrichmentProvider& record) {
      record.mutable_http()->set_uri("https://a.example/{domain}");
      *record.add_fields() = Mapping(source, field);
    });
  };
  EXPECT_EQ(with_field("name", "no_field"), "enrichment_provider.fields[0].field");
  EXPECT_EQ(with_field("name", "touch.source"), "enrichment_provider.fields[0].field");
  EXPECT_EQ(with_field("a[", "company_name"), "enrichment_provider.fields[0].source");
  const absl::Status wrong = Load(NewList().name(), "name\nAcme\n").status();
  EXPECT_EQ(FieldOf(wrong), "file") << wrong;
}

TEST_F(EnrichmentTest, OnlyWhoMayDoesAndSees) {
  NewList();
  const Lead lead = NewLead();
  const Enrichment enrichment = Enrich(lead.name());
  rpc::Identity other = admin_;
  other.tenant = "another-tenant";
  capture::v1::EnrichLeadRequest request;
  request.set_lead(lead.name());
  EXPECT_EQ(
      capture_->Call<Enrichment>("embudo.capture.v1.EnrichmentService/EnrichLead", other, request).status().code(),
      absl::StatusCode::kNotFound);
  capture::v1::GetEnrichmentRequest get;
  get.set_name(enrichment.name());
  EXPECT_EQ(capture_->Call<Enrichment>("embudo.capture.v1.EnrichmentService/GetEnrichment", other, get).status().code(),
            absl::StatusCode::kNotFound);
  rpc::Identity rep = admin_;
  rep.actor = "users/nobody";
  rep.roles = {type::v1::ROLE_REP};
  capture::v1::ListEnrichmentProvidersRequest list;
  EXPECT_EQ(capture_
                ->Call<capture::v1::ListEnrichmentProvidersResponse>(
                    "embudo.capture.v1.EnrichmentService/ListEnrichmentProviders", rep, list)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(EnrichmentTest, TheFortuneListKnowsItsCompanies) {
  const auto path = SharedData("companies/company_enrichment.csv");
  if (!path) GTEST_SKIP() << kNoSharedData;
  const EnrichmentProvider provider = NewList();
  const std::string csv = ReadFile(*path);
  const auto loaded = Load(provider.name(), csv);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->company_count() + loaded->left_out_count(), std::count(csv.begin(), csv.end(), '\n') - 1);
  const Lead lead = NewLead([](Lead& record) { record.set_email("doug@walmart.com"); });
  EXPECT_THAT(Enrich(lead.name()).filled_fields(), ElementsAre("company_name", "industry", "headcount", "country"));
  const Lead after = GetLead(lead.name());
  EXPECT_EQ(after.company_name(), "Walmart");
  EXPECT_EQ(after.headcount(), 2100000);
  EXPECT_EQ(after.country(), "US");
}

}  // namespace
}  // namespace embudo::testing
