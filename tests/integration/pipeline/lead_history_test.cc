// The past of a lead: as it was, what changed, and where it stood.

#include "common/base/error.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ListLeadChangesRequest;
using pipeline::v1::ListLeadChangesResponse;
using pipeline::v1::ListStageStaysRequest;
using pipeline::v1::ListStageStaysResponse;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Lead;

class LeadHistoryTest : public LeadCase {
 protected:
  absl::StatusOr<Lead> AsOf(const std::string& name, Time time) const {
    pipeline::v1::GetLeadRequest request;
    request.set_name(name);
    *request.mutable_as_of_time() = ToTimestamp(time);
    return admin_.Call<Lead>(request);
  }
  /// What a record of the past has in common with the one that was read then.
  static Lead Past(Lead lead) {
    lead.clear_etag();
    return lead;
  }
  Lead Update(const std::string& name, const std::function<void(Lead&)>& fill) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(name);
    fill(*request.mutable_lead());
    return admin_.Must<Lead>(request);
  }
  std::vector<pipeline::v1::LeadChange> ChangesOf(const std::string& name, int page_size,
                                                  const std::vector<std::string>& fields = {}) const {
    ListLeadChangesRequest request;
    request.set_parent(name);
    request.set_page_size(page_size);
    for (const std::string& field : fields) request.add_fields(field);
    std::vector<pipeline::v1::LeadChange> all;
    do {
      const auto page = admin_.Must<ListLeadChangesResponse>(request);
      EXPECT_LE(page.changes_size(), page_size);
      all.insert(all.end(), page.changes().begin(), page.changes().end());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return all;
  }
  static std::vector<std::string> TypesOfChanges(const std::vector<pipeline::v1::LeadChange>& changes) {
    std::vector<std::string> types;
    for (const auto& change : changes) types.push_back(change.type());
    return types;
  }
  std::vector<pipeline::v1::StageStay> StaysOf(const std::string& name) const {
    ListStageStaysRequest request;
    request.set_parent(name);
    const auto response = admin_.Must<ListStageStaysResponse>(request);
    return {response.stays().begin(), response.stays().end()};
  }
};

TEST_F(LeadHistoryTest, ALeadAsItWasAtEachTime) {
  DefineField("size", type::v1::CustomField::TYPE_NUMBER);
  DefineField("colour", type::v1::CustomField::TYPE_TEXT);
  const Time start = suite().clock().Now();
  std::vector<Lead> versions = {CreateUnqualified([](Lead& lead) {
    lead.set_company_name("Acme");
    lead.mutable_expected_revenue()->set_units(1000);
    (*lead.mutable_custom_fields())["size"].set_number_value(1);
  })};
  const std::string name = versions[0].name();
  const auto step = [&](auto change) {
    suite().Advance(hours(1));
    versions.push_back(change());
  };
  step([&] { return *Do<pipeline::v1::ConvertLeadRequest>(name); });
  step([&] {
    return Update(name, [](Lead& lead) {
      lead.set_pain("Slow");
      (*lead.mutable_custom_fields())["size"].set_number_value(2);
      (*lead.mutable_custom_fields())["colour"].set_string_value("red");
    });
  });
  step([&] { return *MoveTo(name, kProposal); });
  step([&] { return *Do<pipeline::v1::WinLeadRequest>(name); });
  step([&] { return *Do<pipeline::v1::RestoreLeadRequest>(name); });
  step([&] { return *Do<pipeline::v1::DeleteLeadRequest>(name); });
  for (size_t i = 0; i < versions.size(); ++i) {
    SCOPED_TRACE(i);
    const Time at = start + hours(static_cast<int>(i));
    const bool last = i + 1 == versions.size();
    for (const Time time : {at, at + std::chrono::minutes(59)}) {
      const auto past = AsOf(name, time);
      ASSERT_TRUE(past.ok()) << past.status();
      EXPECT_THAT(*past, SameAs(last ? versions[i] : Past(versions[i])));
    }
  }
  EXPECT_THAT(AsOf(name, start - std::chrono::microseconds(1)), IsError(StatusCode::kOutOfRange, "BEFORE_CREATION"));
  // What is derived is of that time.
  suite().Advance(std::chrono::days(5));
  EXPECT_EQ(AsOf(name, start + hours(5) + std::chrono::days(2))->days_in_stage(), 2);
}

TEST_F(LeadHistoryTest, ChangesComeNewestFirst) {
  const Lead lead = Create([](Lead& given) { given.set_pain("Old"); });
  suite().Advance(hours(1));
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead.name());
  update.mutable_lead()->set_pain("New");
  CreateUser("rep");
  rep_.Must<Lead>(update);
  ASSERT_TRUE(MoveTo(lead.name(), kQualified).ok());
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(lead.name()).ok());
  for (const int size : {1, 2, 3, 4, 5}) {
    SCOPED_TRACE(size);
    const auto changes = ChangesOf(lead.name(), size);
    EXPECT_THAT(TypesOfChanges(changes),
                ElementsAre("lead.lost", "lead.stage_changed", "lead.updated", "lead.created"));
  }
  const auto changes = ChangesOf(lead.name(), 50);
  const auto& updated = changes[2];
  EXPECT_EQ(updated.actor(), "users/rep");
  EXPECT_EQ(FromTimestamp(updated.time()), suite().clock().Now());
  EXPECT_THAT(updated.changed_fields().paths(), ElementsAre("pain", "last_touch_time"));
  EXPECT_EQ(updated.before().pain(), "Old");
  EXPECT_EQ(updated.after().pain(), "New");
  EXPECT_EQ(updated.after().name() + updated.before().name() + updated.after().display_name(), "");
  EXPECT_EQ(updated.event_id(), EventsAbout(lead.name())[1].id());
  const auto& created = changes[3];
  EXPECT_EQ(created.actor(), "users/admin");
  EXPECT_EQ(FromTimestamp(created.time()), FromTimestamp(lead.create_time()));
  EXPECT_THAT(created.changed_fields().paths(), IsEmpty());
}

TEST_F(LeadHistoryTest, ChangesOfSomeFieldsOnly) {
  DefineField("size", type::v1::CustomField::TYPE_NUMBER);
  DefineField("colour", type::v1::CustomField::TYPE_NUMBER);
  const Lead lead = Create();
  for (int i = 0; i < 10; ++i) {
    Update(lead.name(), [&](Lead& given) {
      if (i % 2 == 0) {
        given.set_pain(std::to_string(i));
      } else {
        (*given.mutable_custom_fields())[i % 4 == 1 ? "size" : "colour"].set_number_value(i);
      }
    });
  }
  for (const int size : {1, 2, 5, 6}) {
    EXPECT_THAT(ChangesOf(lead.name(), size, {"pain"}), SizeIs(5)) << size;
    EXPECT_THAT(ChangesOf(lead.name(), size, {"custom_fields"}), SizeIs(5));
    // An update of the whole map takes away what it does not name.
    EXPECT_THAT(ChangesOf(lead.name(), size, {"custom_fields.size"}), SizeIs(5));
    EXPECT_THAT(ChangesOf(lead.name(), size, {"custom_fields.colour"}), SizeIs(4));
    EXPECT_THAT(ChangesOf(lead.name(), size, {"stage"}), IsEmpty());
  }
  ListLeadChangesRequest request;
  request.set_parent(lead.name());
  request.add_fields("pain");
  request.add_fields("nothing");
  EXPECT_THAT(BadFields(admin_.Call<ListLeadChangesResponse>(request).status()), ElementsAre("fields[1]"));
  request.mutable_fields()->RemoveLast();
  request.set_page_size(1);
  request.set_page_token(admin_.Must<ListLeadChangesResponse>(request).next_page_token());
  request.set_fields(0, "stage");
  EXPECT_THAT(admin_.Call<ListLeadChangesResponse>(request),
              IsError(StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH"));
}

TEST_F(LeadHistoryTest, StaysInStages) {
  const Lead lead = CreateUnqualified();
  EXPECT_THAT(StaysOf(lead.name()), IsEmpty());
  suite().Advance(hours(5));
  ASSERT_TRUE(Do<pipeline::v1::ConvertLeadRequest>(lead.name()).ok());
  const Time converted = suite().clock().Now();
  suite().Advance(hours(1));
  ASSERT_TRUE(MoveTo(lead.name(), kProposal).ok());
  suite().Advance(hours(2));
  ASSERT_TRUE(MoveTo(lead.name(), kQualified).ok());
  suite().Advance(hours(3));
  const auto open = StaysOf(lead.name());
  ASSERT_THAT(open, SizeIs(3));
  EXPECT_EQ(open[2].duration().seconds(), 3 * 3600);
  EXPECT_FALSE(open[2].has_leave_time());

  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(lead.name()).ok());
  suite().Advance(hours(100));
  const auto stays = StaysOf(lead.name());
  ASSERT_THAT(stays, SizeIs(3));
  EXPECT_EQ(stays[0].stage(), kNew);
  EXPECT_EQ(FromTimestamp(stays[0].enter_time()), converted);
  EXPECT_EQ(FromTimestamp(stays[0].leave_time()), converted + hours(1));
  EXPECT_EQ(stays[0].duration().seconds(), 3600);
  EXPECT_EQ(stays[0].entered_by(), "users/admin");
  EXPECT_EQ(stays[0].left_by(), "users/admin");
  EXPECT_EQ(stays[1].stage(), kProposal);
  EXPECT_EQ(stays[1].duration().seconds(), 2 * 3600);
  EXPECT_EQ(stays[2].stage(), kQualified);
  EXPECT_EQ(stays[2].duration().seconds(), 3 * 3600);  // until it was lost
  EXPECT_FALSE(stays[2].has_leave_time());
}

TEST_F(LeadHistoryTest, AnImportTellsItsOwnTimes) {
  pipeline::v1::BulkUpsertLeadsRequest upsert;
  Lead& item = *upsert.add_items()->mutable_lead();
  item.set_display_name("Imported");
  item.set_state(Lead::STATE_WON);
  *item.mutable_open_time() = ToTimestamp(suite().clock().Now() - hours(100));
  *item.mutable_create_time() = item.open_time();
  *item.mutable_close_time() = ToTimestamp(suite().clock().Now() - hours(10));
  item.set_rank("a");
  item.set_creator("users/nobody");
  auto* id = item.add_external_ids();
  id->set_system("crm");
  id->set_id("1");
  const std::string name = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(upsert).results(0).name();
  const auto stays = StaysOf(name);
  ASSERT_THAT(stays, SizeIs(1));
  EXPECT_EQ(stays[0].stage(), kWon);
  EXPECT_EQ(FromTimestamp(stays[0].enter_time()), suite().clock().Now() - hours(10));
  EXPECT_EQ(stays[0].duration().seconds(), 0);
  const Lead lead = GetLead(name);
  EXPECT_EQ(lead.creator(), "services/scoring");
  EXPECT_GT(lead.rank(), Create().rank());  // by its age
  EXPECT_EQ(lead.rank().size(), 17u);
}

TEST_F(LeadHistoryTest, IsSeenByWhoSeesTheLead) {
  CreateUser("ana", type::v1::User::VISIBILITY_OWN);
  const Caller ana = As(type::v1::ROLE_REP, "users/ana");
  const Lead lead = Create();
  ListLeadChangesRequest changes;
  changes.set_parent(lead.name());
  ListStageStaysRequest stays;
  stays.set_parent(lead.name());
  const auto hidden = IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND");
  EXPECT_THAT(ana.Call<ListLeadChangesResponse>(changes), hidden);
  EXPECT_THAT(ana.Call<ListStageStaysResponse>(stays), hidden);
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(other.Call<ListLeadChangesResponse>(changes), hidden);
  EXPECT_THAT(other.Call<ListStageStaysResponse>(stays), hidden);
}

TEST_F(LeadHistoryTest, ExternalIdsFollowTheirLead) {
  const auto add = [](Lead& lead, const std::string& id) {
    auto* external = lead.add_external_ids();
    external->set_system("crm");
    external->set_id(id);
  };
  const Lead first = Create([&](Lead& lead) { add(lead, "1"); });
  pipeline::v1::CreateLeadRequest again;
  again.mutable_lead()->set_display_name("Again");
  add(*again.mutable_lead(), "1");
  EXPECT_THAT(admin_.Call<Lead>(again), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  Update(first.name(), [&](Lead& lead) { add(lead, "2"); });  // instead of 1
  const Lead second = admin_.Must<Lead>(again);
  pipeline::v1::UpdateLeadRequest taken;
  taken.mutable_lead()->set_name(second.name());
  add(*taken.mutable_lead(), "2");
  EXPECT_THAT(admin_.Call<Lead>(taken), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_EQ(GetLead(second.name()).external_ids(0).id(), "1");
}

}  // namespace
}  // namespace embudo::testing
