// Lists: filters, order and keyset pages.

#include <algorithm>
#include <map>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListLeadsRequest;
using pipeline::v1::ListLeadsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using type::v1::Lead;

constexpr int kLeads = 137;

class ListTest : public PipelineTest {
 protected:
  /// Leads with equal and unset values among them, so that an order has ties to break.
  std::map<std::string, Lead> Fill() const {
    std::map<std::string, Lead> leads;
    pipeline::v1::BatchCreateLeadsRequest request;
    for (int i = 0; i < kLeads; ++i) {
      Lead* lead = request.add_requests()->mutable_lead();
      lead->set_display_name("Deal " + std::to_string(i % 23));
      lead->set_priority(i % 4);
      if (i % 3 != 0) {
        lead->mutable_expected_revenue()->set_units(i % 7 * 100);
        lead->mutable_expected_revenue()->set_nanos(i % 2 * 500000000);
      }
      if (i % 5 != 0) {
        lead->mutable_decision_date()->set_year(2026);
        lead->mutable_decision_date()->set_month(1 + i % 12);
        lead->mutable_decision_date()->set_day(1 + i % 28);
      }
    }
    const auto created = admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(request);
    for (const Lead& lead : created.leads()) leads[lead.name()] = lead;
    return leads;
  }

  std::vector<Lead> Pages(ListLeadsRequest request, int size) const {
    std::vector<Lead> all;
    request.set_page_size(size);
    do {
      const auto page = admin_.Must<ListLeadsResponse>(request);
      EXPECT_LE(page.leads_size(), size);
      all.insert(all.end(), page.leads().begin(), page.leads().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && all.size() <= kLeads);
    return all;
  }
};

double Revenue(const Lead& lead) {
  return static_cast<double>(lead.expected_revenue().units()) + lead.expected_revenue().nanos() / 1e9;
}
int DateNumber(const Lead& lead) {
  const auto& date = lead.decision_date();
  return date.year() * 10000 + date.month() * 100 + date.day();
}

TEST_F(ListTest, PagesOfEverySizeHoldEachRecordOnce) {
  const auto leads = Fill();
  ASSERT_THAT(leads, SizeIs(kLeads));
  for (const std::string order :
       {"", "priority desc, display_name", "display_name, priority desc", "expected_revenue, priority desc",
        "expected_revenue desc", "decision_date desc, expected_revenue", "owner, decision_date", "create_time"}) {
    SCOPED_TRACE(order);
    ListLeadsRequest request;
    request.set_order_by(order);
    std::vector<std::string> whole;
    for (const Lead& lead : Pages(request, 1000)) whole.push_back(lead.name());
    EXPECT_THAT(whole, SizeIs(kLeads));
    for (const int size : {1, 2, 7, 50, 136, 137, 138}) {
      if (size == 1 && !order.empty()) continue;  // one record a page takes long, and once tells it
      std::vector<std::string> names;
      for (const Lead& lead : Pages(request, size)) names.push_back(lead.name());
      EXPECT_EQ(names, whole) << "pages of " << size;
    }
    std::sort(whole.begin(), whole.end());
    EXPECT_EQ(std::adjacent_find(whole.begin(), whole.end()), whole.end());
  }
}

TEST_F(ListTest, OrderIsAsAskedFor) {
  Fill();
  ListLeadsRequest request;
  request.set_order_by("priority desc, expected_revenue");
  const auto by_revenue = Pages(request, 20);
  EXPECT_TRUE(std::is_sorted(by_revenue.begin(), by_revenue.end(), [](const Lead& a, const Lead& b) {
    return std::pair(-a.priority(), Revenue(a)) < std::pair(-b.priority(), Revenue(b));
  }));
  request.set_order_by("decision_date desc");
  const auto by_date = Pages(request, 20);
  EXPECT_TRUE(std::is_sorted(by_date.begin(), by_date.end(),
                             [](const Lead& a, const Lead& b) { return DateNumber(a) > DateNumber(b); }));
  request.set_order_by("pain, no_such_field");
  EXPECT_THAT(BadFields(admin_.Call<ListLeadsResponse>(request).status()), ElementsAre("order_by"));
}

TEST_F(ListTest, AFilterSelectsOrTellsWhereItIsWrong) {
  const auto leads = Fill();
  ListLeadsRequest request;
  request.set_filter("priority >= 2 AND expected_revenue > 300 AND NOT display_name = \"Deal 1\"");
  const auto expected = std::count_if(leads.begin(), leads.end(), [](const auto& entry) {
    const Lead& lead = entry.second;
    return lead.priority() >= 2 && Revenue(lead) > 300 && lead.display_name() != "Deal 1";
  });
  EXPECT_GT(expected, 10);
  EXPECT_THAT(Pages(request, 13), SizeIs(expected));
  request.set_filter("stage.display_name = \"New\"");
  EXPECT_THAT(Pages(request, 1000), SizeIs(kLeads));

  request.set_filter("priority >= 2 AND expcted_revenue > 300");
  const auto status = admin_.Call<ListLeadsResponse>(request).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(BadFields(status), ElementsAre("filter"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("19"));  // where it stands, counted from one
  EXPECT_THAT(std::string(status.message()), HasSubstr("expcted_revenue"));
}

TEST_F(ListTest, APageTokenBelongsToItsQuery) {
  Fill();
  ListLeadsRequest request;
  request.set_page_size(10);
  request.set_order_by("priority");
  const std::string token = admin_.Must<ListLeadsResponse>(request).next_page_token();
  ASSERT_FALSE(token.empty());
  request.set_page_token(token);
  request.set_page_size(20);
  EXPECT_EQ(admin_.Must<ListLeadsResponse>(request).leads_size(), 20);  // another size is no other query

  const auto mismatch = IsError(StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH");
  ListLeadsRequest other = request;
  other.set_order_by("priority desc");
  EXPECT_THAT(admin_.Call<ListLeadsResponse>(other), mismatch);
  other = request;
  other.set_filter("priority > 1");
  EXPECT_THAT(admin_.Call<ListLeadsResponse>(other), mismatch);
  EXPECT_THAT(suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN).Call<ListLeadsResponse>(request), mismatch);
  for (const std::string& garbage : {std::string("garbage!"), std::string("AAAA"), token.substr(1), token + "x"}) {
    request.set_page_token(garbage);
    const auto status = admin_.Call<ListLeadsResponse>(request).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << garbage << ": " << status;
    EXPECT_THAT(BadFields(status), ElementsAre("page_token"));
  }
}

TEST_F(ListTest, WhatIsAddedMeanwhileMovesNoPage) {
  Fill();
  ListLeadsRequest request;
  request.set_page_size(50);
  request.set_order_by("display_name");
  auto page = admin_.Must<ListLeadsResponse>(request);
  const std::string last = page.leads(49).name();
  CreateLead("Deal 0");  // stands before the next page
  request.set_page_token(page.next_page_token());
  page = admin_.Must<ListLeadsResponse>(request);
  for (const Lead& lead : page.leads()) EXPECT_NE(lead.name(), last);
  EXPECT_EQ(page.leads_size(), 50);
}

TEST_F(ListTest, AReadMaskLeavesOutWhatItDoesNotName) {
  pipeline::v1::CreateLeadRequest create;
  create.mutable_lead()->set_display_name("Deal");
  create.mutable_lead()->set_email("jane@example.com");
  create.mutable_lead()->mutable_expected_revenue()->set_units(100);
  const Lead whole = admin_.Must<Lead>(create);
  ListLeadsRequest request;
  request.mutable_read_mask()->add_paths("display_name");
  request.mutable_read_mask()->add_paths("weighted_revenue");
  const Lead read = admin_.Must<ListLeadsResponse>(request).leads(0);
  Lead expected;
  expected.set_name(whole.name());
  expected.set_etag(whole.etag());
  expected.set_display_name("Deal");
  // Derived from fields that are not returned.
  *expected.mutable_weighted_revenue() = whole.weighted_revenue();
  EXPECT_TRUE(whole.has_weighted_revenue());
  EXPECT_THAT(read, SameAs(expected));

  pipeline::v1::GetKanbanRequest board;
  board.set_pipeline("pipelines/default");
  *board.mutable_read_mask() = request.read_mask();
  EXPECT_THAT(admin_.Must<pipeline::v1::GetKanbanResponse>(board).columns(0).cards(0), SameAs(expected));

  request.mutable_read_mask()->add_paths("no_such_field");
  EXPECT_THAT(BadFields(admin_.Call<ListLeadsResponse>(request).status()), ElementsAre("read_mask"));
  request.mutable_read_mask()->add_paths("*");
  request.mutable_read_mask()->mutable_paths()->DeleteSubrange(0, 3);
  EXPECT_THAT(admin_.Must<ListLeadsResponse>(request).leads(0), SameAs(whole));
}

}  // namespace
}  // namespace embudo::testing
