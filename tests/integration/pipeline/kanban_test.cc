// Kanban boards: columns, their exact figures, the order of their cards, and who sees what.

#include "services/pipeline/rpc/kanban.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/pipeline/events/kanban_fold.h"
#include "services/pipeline/rpc/records.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::GetKanbanRequest;
using pipeline::v1::GetKanbanResponse;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using type::v1::Lead;

class KanbanTest : public LeadCase {
 protected:
  static std::string Money(const google::type::Money& money) { return ToNumeric(money) + " " + money.currency_code(); }

  /// The figures of a board as text, `stage count expected weighted recurring` a column.
  static std::vector<std::string> Figures(const GetKanbanResponse& board) {
    std::vector<std::string> lines;
    for (const auto& column : board.columns()) {
      lines.push_back(column.stage().name() + " " + std::to_string(column.count()) + " " +
                      ToNumeric(column.expected_revenue()) + " " + ToNumeric(column.weighted_revenue()) + " " +
                      ToNumeric(column.recurring_revenue()));
    }
    return lines;
  }
  /// The same by counting leads, `where` being a condition on pipeline.lead.
  std::vector<std::string> Recount(const std::string& where = "true") const {
    const db::Result rows = suite().Query(
        "SELECT 'pipelines/' || s.pipeline_id || '/stages/' || s.stage_id || ' ' || count(t.lead_id) || ' ' ||"
        " trim_scale(round(coalesce(sum(coalesce(t.converted_expected_revenue, 0)), 0), 9)) || ' ' ||"
        " trim_scale(round(coalesce(sum(coalesce(t.converted_expected_revenue, 0) * t.probability::numeric / 100), 0),"
        " 9)) || ' ' || trim_scale(round(coalesce(sum(coalesce(t.converted_recurring_revenue, 0)"
        " / greatest(t.recurring_months, 1)), 0), 9))"
        " FROM pipeline.stage s LEFT JOIN pipeline.lead t ON t.tenant_id = s.tenant_id AND t.pipeline_id ="
        " s.pipeline_id AND t.stage_id = s.stage_id AND t.state <> 'LOST' AND NOT t.archived AND t.delete_time IS NULL"
        " AND (" +
            where + ") WHERE s.tenant_id = $1 GROUP BY s.pipeline_id, s.stage_id, s.sequence ORDER BY s.sequence",
        db::Params::Of(tenant_));
    std::vector<std::string> lines;
    for (int i = 0; i < rows.size(); ++i) lines.emplace_back(rows[i].Text(0));
    return lines;
  }
  int64_t Deltas() const {
    return suite()
        .Query("SELECT count(*) FROM pipeline.kanban_delta WHERE tenant_id = $1", db::Params::Of(tenant_))[0]
        .Int(0);
  }
  static void Fold() {
    pipeline::events::KanbanFold fold(suite().database().ConninfoAs("pipeline_worker"));
    const auto folded = fold.RunOnce();
    EXPECT_TRUE(folded.ok()) << folded.status();
  }
  /// Leads by plain SQL, for tests that need many.
  void FillByPlainSql(int count) const {
    suite().Query(
        "INSERT INTO pipeline.lead SELECT r.* FROM pipeline.lead l, generate_series(1, $2::int) n,"
        " LATERAL json_populate_record(l, json_build_object('lead_id', gen_random_uuid(), 'rank',"
        " lpad(to_hex(n), 13, '0') || 'beef', 'create_time', l.create_time + n * interval '1 second', 'stage_id',"
        " (ARRAY['new', 'qualified', 'proposal', 'negotiation'])[1 + n % 4], 'owner_id', 'u' || n % 20,"
        " 'converted_expected_revenue', n)) r WHERE l.tenant_id = $1",
        db::Params::Of(tenant_, static_cast<int64_t>(count)));
    suite().Query("ANALYZE pipeline.lead");
  }
};

TEST_F(KanbanTest, ShowsColumnsInTheirOrderWithFigures) {
  Create([](Lead& lead) {
    lead.mutable_expected_revenue()->set_units(1000);
    lead.set_probability(12.34);
  });
  const Lead second = Create([](Lead& lead) {
    lead.mutable_expected_revenue()->set_units(0);
    lead.mutable_expected_revenue()->set_nanos(10'000'000);
    lead.mutable_recurring_revenue()->set_units(1200);
    lead.set_recurring_months(12);
    lead.set_probability(50);
  });
  ASSERT_TRUE(MoveTo(second.name(), kQualified).ok());
  const auto board = Kanban(admin_);
  std::vector<std::string> stages;
  for (const auto& column : board.columns()) stages.push_back(column.stage().name());
  EXPECT_THAT(stages, ElementsAre(kNew, kQualified, kProposal, kNegotiation, kWon));
  EXPECT_EQ(board.columns(0).stage().display_name(), "New");
  EXPECT_EQ(board.columns(0).count(), 1);
  EXPECT_EQ(Money(board.columns(0).expected_revenue()), "1000 USD");
  EXPECT_EQ(Money(board.columns(0).weighted_revenue()), "123.4 USD");
  EXPECT_EQ(Money(board.columns(1).weighted_revenue()), "0.005 USD");
  EXPECT_EQ(Money(board.columns(1).recurring_revenue()), "100 USD");
  ASSERT_THAT(board.columns(1).cards(), SizeIs(1));
  EXPECT_THAT(board.columns(1).cards(0), SameAs(GetLead(second.name())));
  EXPECT_EQ(Money(board.columns(0).cards(0).weighted_revenue()), "123.4 USD");

  const auto counts = Kanban(admin_, [](GetKanbanRequest& request) { request.set_counts_only(true); });
  EXPECT_EQ(Figures(counts), Figures(board));
  EXPECT_THAT(counts.columns(0).cards(), IsEmpty());
}

TEST_F(KanbanTest, LeavesOutLostArchivedDeletedAndUnqualified) {
  const Lead kept = Create();
  CreateUnqualified();
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(Create().name()).ok());
  ASSERT_TRUE(Do<pipeline::v1::DeleteLeadRequest>(Create().name()).ok());
  pipeline::v1::UpdateLeadRequest archive;
  archive.mutable_lead()->set_name(Create().name());
  archive.mutable_lead()->set_archived(true);
  admin_.Must<Lead>(archive);
  const auto board = Kanban(admin_);
  EXPECT_EQ(board.columns(0).count(), 1);
  ASSERT_THAT(board.columns(0).cards(), SizeIs(1));
  EXPECT_EQ(board.columns(0).cards(0).name(), kept.name());
}

TEST_F(KanbanTest, PagesOfAColumnHoldEachCardOnce) {
  std::vector<std::string> names;
  for (int i = 0; i < 23; ++i) {
    suite().Advance(std::chrono::seconds(1));
    names.insert(names.begin(), Create().name());  // the newest comes first
  }
  for (const int size : {1, 5, 22, 23, 24}) EXPECT_THAT(CardsOf(kNew, size), ElementsAreArray(names)) << size;
  const auto board = Kanban(admin_);
  EXPECT_THAT(board.columns(0).cards(), SizeIs(20));  // the default
  EXPECT_EQ(board.columns(0).count(), 23);
  // The token of a column on the board goes on in that column.
  GetKanbanRequest next;
  next.set_pipeline("pipelines/default");
  next.set_page_token(board.columns(0).next_page_token());
  EXPECT_THAT(BadFields(admin_.Call<GetKanbanResponse>(next).status()), ElementsAre("page_token"));
  next.set_stage(kNew);
  EXPECT_THAT(admin_.Must<GetKanbanResponse>(next).columns(0).cards(), SizeIs(3));
  next.set_stage(kQualified);
  EXPECT_THAT(admin_.Call<GetKanbanResponse>(next), IsError(StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH"));
}

TEST_F(KanbanTest, NamesWhatIsWrong) {
  GetKanbanRequest request;
  request.set_pipeline("pipelines/none");
  EXPECT_THAT(admin_.Call<GetKanbanResponse>(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.set_pipeline("pipelines/default");
  request.set_stage("pipelines/default/stages/none");
  EXPECT_THAT(BadFields(admin_.Call<GetKanbanResponse>(request).status()), ElementsAre("stage"));
  request.clear_stage();
  request.set_filter("no_such_field = 1");
  EXPECT_THAT(BadFields(admin_.Call<GetKanbanResponse>(request).status()), ElementsAre("filter"));
  request.clear_filter();
  request.set_page_size(-1);
  EXPECT_THAT(BadFields(admin_.Call<GetKanbanResponse>(request).status()), ElementsAre("page_size"));
}

TEST_F(KanbanTest, ACardIsPutWhereItIsAskedTo) {
  std::vector<std::string> c;
  for (int i = 0; i < 5; ++i) {
    c.push_back(Create().name());
    ASSERT_TRUE(MoveTo(c.back(), kQualified).ok());  // comes first
  }
  EXPECT_THAT(CardsOf(kQualified), ElementsAre(c[4], c[3], c[2], c[1], c[0]));
  ASSERT_TRUE(MoveTo(c[0], kQualified, c[4]).ok());
  EXPECT_THAT(CardsOf(kQualified), ElementsAre(c[4], c[0], c[3], c[2], c[1]));
  ASSERT_TRUE(MoveTo(c[3], kQualified, c[1]).ok());
  EXPECT_THAT(CardsOf(kQualified), ElementsAre(c[4], c[0], c[2], c[1], c[3]));
  ASSERT_TRUE(MoveTo(c[1], kQualified, "", c[4]).ok());
  EXPECT_THAT(CardsOf(kQualified), ElementsAre(c[1], c[4], c[0], c[2], c[3]));
  ASSERT_TRUE(MoveTo(c[3], kQualified, "", c[2]).ok());
  EXPECT_THAT(CardsOf(kQualified), ElementsAre(c[1], c[4], c[0], c[3], c[2]));
  EXPECT_EQ(TypesOf(EventsAbout(c[3])).back(), "lead.updated");  // it has not left its stage
  const std::string etag = GetLead(c[4]).etag();
  ASSERT_TRUE(MoveTo(c[4], kQualified).ok());  // no place is named: it stays
  EXPECT_EQ(GetLead(c[4]).etag(), etag);
  // Into another column, between two.
  ASSERT_TRUE(MoveTo(c[2], kProposal).ok());
  ASSERT_TRUE(MoveTo(c[0], kProposal).ok());
  ASSERT_TRUE(MoveTo(c[4], kProposal, c[0]).ok());
  EXPECT_THAT(CardsOf(kProposal), ElementsAre(c[0], c[4], c[2]));
  EXPECT_EQ(TypesOf(EventsAbout(c[4])).back(), "lead.stage_changed");
}

TEST_F(KanbanTest, ThePlaceIsACardOfThatColumn) {
  const Lead lead = Create();
  const Lead elsewhere = Create();
  ASSERT_TRUE(MoveTo(elsewhere.name(), kQualified).ok());
  const Lead lost = Create();
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(lost.name()).ok());
  const std::string nobody = "leads/" + NewRequestId();
  for (const std::string& name : {elsewhere.name(), lost.name(), lead.name(), nobody}) {
    EXPECT_THAT(BadFields(MoveTo(lead.name(), kNew, name).status()), ElementsAre("after")) << name;
    EXPECT_THAT(BadFields(MoveTo(lead.name(), kNew, "", name).status()), ElementsAre("before")) << name;
  }
  const Lead other = Create();
  EXPECT_THAT(BadFields(MoveTo(lead.name(), kNew, other.name(), other.name()).status()), ElementsAre("before"));
  // A card that the caller may not see is none.
  CreateUser("ana", type::v1::User::VISIBILITY_OWN);
  const Lead own = Create([](Lead& given) { given.set_owner("users/ana"); });
  pipeline::v1::MoveLeadRequest request;
  request.set_name(own.name());
  request.set_stage(kNew);
  request.set_after(other.name());
  EXPECT_THAT(BadFields(As(type::v1::ROLE_REP, "users/ana").Call<Lead>(request).status()), ElementsAre("after"));
}

TEST_F(KanbanTest, CardsOfOneRankAreToldApart) {
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i) names.push_back(Create().name());
  std::sort(names.begin(), names.end());
  suite().Query("UPDATE pipeline.lead SET rank = '9ad19744cbfffbeef' WHERE tenant_id = $1", db::Params::Of(tenant_));
  EXPECT_THAT(CardsOf(kNew), ElementsAreArray(names));
  const std::string moved = Create().name();
  ASSERT_TRUE(MoveTo(moved, kNew, names[1]).ok());
  EXPECT_THAT(CardsOf(kNew), ElementsAre(names[0], names[1], moved, names[2], names[3]));
  ASSERT_TRUE(MoveTo(names[3], kNew, "", names[1]).ok());
  EXPECT_THAT(CardsOf(kNew), ElementsAre(names[0], names[3], names[1], moved, names[2]));
}

TEST_F(KanbanTest, OfTwoMovesOfOneCardOneWins) {
  const Lead lead = Create();
  std::atomic<int> moved{0};
  Together(8, [&](int i) {
    const auto result = Do<pipeline::v1::MoveLeadRequest>(lead.name(), [&](auto& request) {
      request.set_stage(i % 2 == 0 ? kQualified : kProposal);
      request.set_etag(lead.etag());
    });
    if (result.ok()) {
      ++moved;
    } else {
      EXPECT_EQ(result.status().code(), StatusCode::kAborted) << result.status();
    }
  });
  EXPECT_EQ(moved, 1);
  EXPECT_TRUE(MoveTo(lead.name(), kNegotiation).ok());
}

TEST_F(KanbanTest, MovesAtOnceKeepTheOrderOfTheOthers) {
  std::vector<std::string> fixed;
  for (int i = 0; i < 6; ++i) {
    fixed.insert(fixed.begin(), Create().name());
    ASSERT_TRUE(MoveTo(fixed.front(), kQualified).ok());
  }
  std::vector<std::string> moving;
  for (int i = 0; i < 6; ++i) moving.push_back(Create().name());
  // All of them to the same places, again and again.
  Together(6, [&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (int round = 0; round < 15; ++round) {
      const std::string& at = fixed[random() % fixed.size()];
      const bool after = random() % 2 == 0;
      const auto result = MoveTo(moving[static_cast<size_t>(thread)], kQualified, after ? at : "", after ? "" : at);
      EXPECT_TRUE(result.ok()) << result.status();
    }
  });
  std::vector<std::string> cards = CardsOf(kQualified);
  EXPECT_THAT(cards, SizeIs(12));
  std::erase_if(cards,
                [&](const std::string& card) { return std::find(fixed.begin(), fixed.end(), card) == fixed.end(); });
  EXPECT_THAT(cards, ElementsAreArray(fixed));
  const db::Result ranks = suite().Query(
      "SELECT count(DISTINCT rank), max(length(rank)) FROM pipeline.lead WHERE tenant_id = $1 AND stage_id ="
      " 'qualified'",
      db::Params::Of(tenant_));
  EXPECT_EQ(ranks[0].Int(0), 12);
  EXPECT_LT(ranks[0].Int(1), 60);
}

TEST_F(KanbanTest, FiguresAreExactWhateverHappens) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const std::vector<std::string> stages = {kNew, kQualified, kProposal, kNegotiation};
  for (const char* user : {"ana", "bob"}) CreateUser(user, type::v1::User::VISIBILITY_OWN);
  CreateUser("tom", type::v1::User::VISIBILITY_TEAM);
  const std::string team = CreateTeam("field", {"users/tom"});
  std::vector<std::string> names;
  for (int step = 0; step < 150; ++step) {
    const std::string name = names.empty() ? "" : names[static_cast<size_t>(pick(static_cast<int>(names.size())))];
    switch (names.size() < 5 ? 0 : pick(9)) {
      case 0:
        names.push_back(Create([&](Lead& lead) {
                          lead.mutable_expected_revenue()->set_units(pick(100'000));
                          lead.mutable_expected_revenue()->set_nanos(pick(100) * 10'000'000);
                          lead.mutable_recurring_revenue()->set_units(pick(1'000));
                          lead.set_recurring_months(pick(13));
                          lead.set_probability(pick(10'001) / 100.0);
                          if (pick(2) == 0) lead.set_owner(pick(2) == 0 ? "users/ana" : "users/bob");
                          if (pick(3) == 0) lead.set_team(team);
                          if (pick(5) == 0) lead.add_collaborators("users/bob");
                        }).name());
        break;
      case 1:
        MoveTo(name, stages[static_cast<size_t>(pick(4))]).IgnoreError();
        break;
      case 2:
        Do<pipeline::v1::WinLeadRequest>(name).IgnoreError();
        break;
      case 3:
        Do<pipeline::v1::LoseLeadRequest>(name).IgnoreError();
        break;
      case 4:
        Do<pipeline::v1::RestoreLeadRequest>(name).IgnoreError();
        break;
      case 5: {
        pipeline::v1::UpdateLeadRequest update;
        update.mutable_lead()->set_name(name);
        update.mutable_lead()->mutable_expected_revenue()->set_units(pick(1'000'000));
        update.mutable_lead()->set_archived(pick(4) == 0);
        update.mutable_update_mask()->add_paths("expected_revenue");
        update.mutable_update_mask()->add_paths("archived");
        admin_.Call<Lead>(update).IgnoreError();
        break;
      }
      case 6:
        Do<pipeline::v1::AssignLeadRequest>(name, [&](auto& request) {
          request.set_owner(pick(2) == 0 ? "users/ana" : "users/bob");
        }).IgnoreError();
        break;
      case 7:
        (pick(2) == 0 ? Do<pipeline::v1::DeleteLeadRequest>(name) : Do<pipeline::v1::UndeleteLeadRequest>(name))
            .IgnoreError();
        break;
      case 8:
        Do<pipeline::v1::FollowLeadRequest>(name, [&](auto& request) {
          request.add_users(pick(2) == 0 ? "users/ana" : "users/tom");
        }).IgnoreError();
        break;
    }
    if (step % 10 != 9) continue;
    if (step % 20 == 9) Fold();
    ASSERT_EQ(Figures(Kanban(admin_)), Recount()) << step;
  }
  for (int folded = 0; folded < 2; ++folded) {
    EXPECT_EQ(Figures(Kanban(admin_)), Recount());
    // The kept figures are those of a count, for whoever sees less too.
    const auto as = [&](const std::string& user) { return Figures(Kanban(As(type::v1::ROLE_REP, user))); };
    EXPECT_EQ(as("users/ana"), Recount("t.owner_id = 'ana' OR 'ana' = ANY(t.followers || t.collaborators)"));
    EXPECT_EQ(as("users/bob"), Recount("t.owner_id = 'bob' OR 'bob' = ANY(t.followers || t.collaborators)"));
    EXPECT_EQ(as("users/tom"), Recount("t.team_id = 'field' OR 'tom' = ANY(t.followers || t.collaborators)"));
    EXPECT_THAT(as("users/nobody"), SizeIs(5));
    EXPECT_EQ(as("users/nobody"), Recount("false"));
    const auto filtered = Kanban(admin_, [](GetKanbanRequest& request) { request.set_filter("probability > 50"); });
    EXPECT_EQ(Figures(filtered), Recount("t.probability > 50"));
    Fold();
    EXPECT_EQ(Deltas(), 0);
  }
}

TEST_F(KanbanTest, FoldsAtOnceLoseNothing) {
  for (int i = 0; i < 40; ++i) Create([](Lead& lead) { lead.mutable_expected_revenue()->set_units(1); });
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) EXPECT_GE(Kanban(admin_).columns(0).count(), 40);
  });
  Together(6, [&](int i) {
    for (int round = 0; round < 5; ++round) {
      if (i % 2 == 0) {
        Fold();
      } else {
        Create([](Lead& lead) { lead.mutable_expected_revenue()->set_units(1); });
      }
    }
  });
  done = true;
  reader.join();
  Fold();
  EXPECT_EQ(Figures(Kanban(admin_)), Recount());
  EXPECT_EQ(Kanban(admin_).columns(0).count(), 55);
}

TEST_F(KanbanTest, ListsAndBoardsAnswerTheSameQuestionOfWhoSees) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  std::vector<std::string> users;
  for (const auto visibility : {type::v1::User::VISIBILITY_OWN, type::v1::User::VISIBILITY_TEAM,
                                type::v1::User::VISIBILITY_ALL, type::v1::User::VISIBILITY_OWN}) {
    users.push_back(CreateUser("user" + std::to_string(users.size()), visibility));
  }
  const std::vector<std::string> teams = {CreateTeam("one", {users[0], users[1]}), CreateTeam("two", {users[1]}),
                                          CreateTeam("three")};
  std::vector<Lead> leads;
  pipeline::v1::BatchCreateLeadsRequest batch;
  for (int i = 0; i < 150; ++i) {
    Lead& lead = *batch.add_requests()->mutable_lead();
    lead.set_display_name("Deal");
    if (one_in(2)) lead.set_owner(users[random() % users.size()]);
    if (one_in(2)) lead.set_team(teams[random() % teams.size()]);
    if (one_in(6)) lead.add_collaborators(users[random() % users.size()]);
  }
  const auto answer = admin_.Must<pipeline::v1::BatchCreateLeadsResponse>(batch);
  for (const Lead& lead : answer.leads()) {
    leads.push_back(lead);
    if (!one_in(6)) continue;
    leads.back() = *Do<pipeline::v1::FollowLeadRequest>(
        lead.name(), [&](auto& request) { request.add_users(users[random() % users.size()]); });
  }
  const auto pool = suite().database().PoolAs("pipeline_rpc");
  pipeline::rpc::Records records(*pool, suite().clock(), [] {});
  std::vector<std::string> callers = users;
  callers.push_back("users/stranger");
  for (const std::string& user : callers) {
    SCOPED_TRACE(user);
    const Caller caller = As(type::v1::ROLE_REP, user);
    rpc::CallContext call;
    call.identity = caller.identity();
    call.deadline = db::After(std::chrono::seconds(30));
    std::set<std::string> expected;
    for (const Lead& lead : leads) {
      if (records.MaySee(call, lead)) expected.insert(lead.name());
    }
    // Pages are full, save for the last.
    std::set<std::string> listed;
    pipeline::v1::ListLeadsRequest request;
    request.set_page_size(7);
    do {
      const auto page = caller.Must<pipeline::v1::ListLeadsResponse>(request);
      if (!page.next_page_token().empty()) {
        EXPECT_EQ(page.leads_size(), 7);
      }
      for (const Lead& lead : page.leads()) listed.insert(lead.name());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(listed, expected);
    const auto board = Kanban(caller, [](GetKanbanRequest& kanban) { kanban.set_page_size(200); });
    EXPECT_EQ(board.columns(0).count(), static_cast<int64_t>(expected.size()));
    std::set<std::string> cards;
    for (const Lead& card : board.columns(0).cards()) cards.insert(card.name());
    EXPECT_EQ(cards, expected);
  }
}

TEST_F(KanbanTest, BoardsAndListsGoByIndexes) {
  for (int i = 0; i < 20; ++i) CreateUser("u" + std::to_string(i), type::v1::User::VISIBILITY_ALL);
  Create();
  FillByPlainSql(20'000);
  const auto pool = suite().database().PoolAs("pipeline_rpc", 1);
  pipeline::rpc::Records records(*pool, suite().clock(), [] {});
  rpc::CallContext call;
  call.identity = admin_.identity();
  call.method = "embudo.pipeline.v1.LeadService/ListLeads";
  call.deadline = db::After(std::chrono::seconds(30));
  const auto plan_of = [&](const std::string& sql, const db::Params& params) {
    std::string plan;
    auto lease = pool->Acquire(tenant_, call.deadline);
    EXPECT_TRUE(lease.ok()) << lease.status();
    const auto rows = (*lease)->ExecVarying("EXPLAIN " + sql, params);
    EXPECT_TRUE(rows.ok()) << rows.status() << "\n" << sql;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) plan += std::string((*rows)[i].Text(0)) + "\n";
    return plan;
  };
  const auto by_index = ::testing::AllOf(Not(HasSubstr("Seq Scan on lead")), Not(HasSubstr("Sort")));
  for (const std::string filter : {"", "stage = \"pipelines/default/stages/proposal\"", "owner = \"users/u7\""}) {
    pipeline::v1::ListLeadsRequest request;
    request.set_filter(filter);
    const auto first = records.leads().QueryOf(call, request, "");
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_THAT(plan_of(first->sql, first->params), by_index) << filter;
    // A page in the middle begins where it begins, not at the start.
    request.set_page_size(700);
    pipeline::v1::ListLeadsResponse page;
    ASSERT_TRUE(records.leads().List(call, request, page).ok());
    ASSERT_FALSE(page.next_page_token().empty());
    request.set_page_token(page.next_page_token());
    request.set_page_size(50);
    const auto next = records.leads().QueryOf(call, request, "");
    ASSERT_TRUE(next.ok()) << next.status();
    const std::string plan = plan_of(next->sql, next->params);
    EXPECT_THAT(plan, by_index) << filter;
    if (filter.empty()) {
      EXPECT_THAT(plan, HasSubstr("Index Cond: ((tenant_id = ")) << plan;
      EXPECT_THAT(plan, HasSubstr("ROW(create_time, lead_id) < ROW(")) << plan;
    }
  }
  GetKanbanRequest board;
  board.set_pipeline("pipelines/default");
  const auto query = pipeline::rpc::KanbanQueryOf(records, call, board);
  ASSERT_TRUE(query.ok()) << query.status();
  const std::string plan = plan_of(query->sql, query->params);
  EXPECT_THAT(plan, HasSubstr("lead_card"));
  EXPECT_THAT(plan, Not(HasSubstr("Seq Scan on lead")));
  EXPECT_THAT(plan, Not(HasSubstr("Sort Key: t.rank"))) << plan;
}

}  // namespace
}  // namespace embudo::testing
