#include "services/scoring/events/intake.h"

#include <gmock/gmock.h>

#include <thread>

#include "common/base/error.h"
#include "common/resource/change.h"
#include "common/resource/table.h"
#include "common/testing/eventually.h"
#include "common/testing/manual_clock.h"
#include "common/testing/postgres.h"
#include "services/scoring/storage/migrations.h"
#include "services/scoring/storage/pending.h"
#include "services/scoring/storage/rebuild.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"

namespace embudo::scoring::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using type::v1::Event;
using type::v1::Lead;

constexpr char kTenant[] = "acme";
const std::string kNew = "pipelines/p/stages/new";
const std::string kTalk = "pipelines/p/stages/talk";
const std::string kWon = "pipelines/p/stages/won";

Event EventOf(const std::string& type, const google::protobuf::Message& record, const std::string& tenant = kTenant) {
  Event event;
  event.set_tenant(tenant);
  event.set_type(type);
  event.set_subject(resource::NameOf(record));
  resource::SetResource(record, event.mutable_data());
  return event;
}

std::string IdOf(int number) {
  char id[48];
  std::snprintf(id, sizeof id, "00000000-0000-7000-8000-%012d", number);
  return id;
}

Lead LeadIn(int number, const std::string& stage, Lead::State state, const std::string& source = "") {
  Lead lead;
  lead.set_name("leads/" + IdOf(number));
  lead.set_stage(stage);
  lead.set_state(state);
  lead.set_source(source);
  return lead;
}

Event StageEvent(const std::string& name, int sequence, bool is_won = false) {
  type::v1::Stage stage;
  stage.set_name(name);
  stage.set_display_name(logic::IdOf(name));
  stage.set_sequence(sequence);
  stage.set_is_won(is_won);
  return EventOf("stage.created", stage);
}

class IntakeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    database_ = testing::Postgres::Shared().CreateDatabase({{"scoring", &storage::Migrations()}});
    sql_ = database_->PoolAs("postgres");
    // The pipeline's, which tells whose work rests: nobody's.
    Ask("CREATE TABLE pipeline.tenant_closed (tenant_id text)");
    Ask("GRANT SELECT ON pipeline.tenant_closed TO scoring_worker");
    worker_ = database_->PoolAs("scoring_worker");
  }
  static void TearDownTestSuite() {
    worker_ = nullptr;
    sql_ = nullptr;
    database_ = nullptr;
  }
  void SetUp() override {
    Ask("TRUNCATE scoring.config, scoring.criterion, scoring.stage, scoring.lead, scoring.closed_lead,"
        " scoring.frequency, scoring.pending, scoring.rescoring");
  }

  void Take(const std::vector<Event>& events) {
    const absl::Status status =
        db::RunInTx(*worker_, "", db::After(testing::kPatience),
                    [&](db::Connection& connection) { return TakeIn(connection, events, clock_.Now()); });
    ASSERT_TRUE(status.ok()) << status;
  }
  void TakeStages() { Take({StageEvent(kNew, 1), StageEvent(kTalk, 2), StageEvent(kWon, 9, true)}); }

  /// The first column of a statement.
  static std::vector<std::string> Ask(const std::string& sql) {
    const auto rows = db::Exec(*sql_, "", db::After(testing::kPatience), sql, {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> out;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) out.emplace_back((*rows)[i].Text(0));
    return out;
  }
  /// Rows as `team stage:new 1.1/0.1`; all qualities are left out, as every lead here lacks address and number.
  std::vector<std::string> Frequencies() {
    return Ask(
        "SELECT format('%s%s%s:%s %s/%s', team_id, CASE team_id WHEN '' THEN '' ELSE ' ' END, variable,"
        " regexp_replace(value, '.*/', ''), won, lost) FROM scoring.frequency"
        " WHERE variable NOT LIKE '%quality' ORDER BY 1");
  }
  std::vector<std::string> Pending() { return Ask("SELECT right(lead_id::text, 2) FROM scoring.pending ORDER BY 1"); }
  std::string RebuildDue() { return Ask("SELECT rebuild_due::text FROM scoring.config")[0]; }

  testing::ManualClock clock_;

 private:
  static inline std::unique_ptr<testing::Database> database_;

 protected:
  static inline std::unique_ptr<db::Pool> sql_;
  static inline std::unique_ptr<db::Pool> worker_;
};

TEST_F(IntakeTest, AWonLeadCountsForAllStagesALostOneUpToItsOwn) {
  TakeStages();
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON, "web")),
        EventOf("lead.lost", LeadIn(2, kNew, Lead::STATE_LOST, "fair"))});
  EXPECT_THAT(Frequencies(), ElementsAre("source:fair 0.1/1.1", "source:web 1.1/0.1", "stage:new 1.1/1.1",
                                         "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
  EXPECT_THAT(Ask("SELECT won || '/' || lost FROM scoring.frequency WHERE variable = 'email_quality' AND value = ''"),
              ElementsAre("1.1/1.1"));
}

TEST_F(IntakeTest, AnImportedClosedLeadCountsLikeOneThatWasClosedHere) {
  TakeStages();
  Take({EventOf("lead.created", LeadIn(1, kWon, Lead::STATE_WON)),
        EventOf("lead.created", LeadIn(2, kTalk, Lead::STATE_LOST)),
        EventOf("lead.created", LeadIn(3, kNew, Lead::STATE_OPEN))});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 1.1/1.1", "stage:talk 1.1/1.1", "stage:won 1.1/0.1"));
  EXPECT_THAT(Pending(), ElementsAre("03"));
}

TEST_F(IntakeTest, WhatWasAddedIsSubtractedWhateverTheLeadIsNow) {
  TakeStages();
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON, "web")),
        EventOf("lead.won", LeadIn(2, kWon, Lead::STATE_WON, "fair"))});
  // The source is mended while the lead is won, which counts nothing.
  Take({EventOf("lead.updated", LeadIn(1, kWon, Lead::STATE_WON, "fair"))});
  EXPECT_THAT(Frequencies(), ElementsAre("source:fair 1.1/0.1", "source:web 1.1/0.1", "stage:new 2.1/0.1",
                                         "stage:talk 2.1/0.1", "stage:won 2.1/0.1"));
  Take({EventOf("lead.restored", LeadIn(1, kTalk, Lead::STATE_OPEN, "fair"))});
  EXPECT_THAT(Frequencies(), ElementsAre("source:fair 1.1/0.1", "source:web 0.1/0.1", "stage:new 1.1/0.1",
                                         "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
  EXPECT_THAT(Ask("SELECT count(*) FROM scoring.closed_lead"), ElementsAre("1"));
  EXPECT_THAT(Pending(), ElementsAre("01"));
}

TEST_F(IntakeTest, FromLostToWonDoesBoth) {
  TakeStages();
  Take({EventOf("lead.lost", LeadIn(1, kTalk, Lead::STATE_LOST))});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 0.1/1.1", "stage:talk 0.1/1.1"));
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON))});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 1.1/0.1", "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
}

TEST_F(IntakeTest, ManyChangesOfOneLeadInOneBatchCountInOrder) {
  TakeStages();
  const Event won = EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON));
  const Event open = EventOf("lead.restored", LeadIn(1, kTalk, Lead::STATE_OPEN));
  const Event lost = EventOf("lead.lost", LeadIn(1, kTalk, Lead::STATE_LOST));
  Take({won, open, lost, open, lost});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 0.1/1.1", "stage:talk 0.1/1.1", "stage:won 0.1/0.1"));
  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_F(IntakeTest, ATeamsLeadsAreCountedApartUntilItIsGone) {
  TakeStages();
  Lead north = LeadIn(1, kWon, Lead::STATE_WON);
  north.set_team("teams/north");
  Take({EventOf("lead.won", north), EventOf("lead.won", LeadIn(2, kWon, Lead::STATE_WON))});
  EXPECT_THAT(Frequencies(),
              ElementsAre("north stage:new 1.1/0.1", "north stage:talk 1.1/0.1", "north stage:won 1.1/0.1",
                          "stage:new 1.1/0.1", "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
  type::v1::Team team;
  team.set_name("teams/north");
  Take({EventOf("team.deleted", team)});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 2.0/0.1", "stage:talk 2.0/0.1", "stage:won 2.0/0.1"));
  north.set_state(Lead::STATE_OPEN);
  north.set_stage(kTalk);
  Take({EventOf("lead.restored", north)});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 1.0/0.1", "stage:talk 1.0/0.1", "stage:won 1.0/0.1"));
}

TEST_F(IntakeTest, ADeletedLeadCountsNoMore) {
  TakeStages();
  Lead lead = LeadIn(1, kWon, Lead::STATE_WON);
  Take({EventOf("lead.won", lead)});
  *lead.mutable_delete_time() = ToTimestamp(clock_.Now());
  Take({EventOf("lead.deleted", lead)});
  EXPECT_THAT(Frequencies(), ElementsAre("stage:new 0.1/0.1", "stage:talk 0.1/0.1", "stage:won 0.1/0.1"));
  EXPECT_THAT(Ask("SELECT lead_id FROM scoring.lead"), IsEmpty());
}

TEST_F(IntakeTest, OnlyOpenLeadsInUseAreToBeScored) {
  Lead archived = LeadIn(2, kNew, Lead::STATE_OPEN);
  archived.set_archived(true);
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN)), EventOf("lead.updated", archived),
        EventOf("lead.scored", LeadIn(3, kNew, Lead::STATE_OPEN)),
        EventOf("lead.won", LeadIn(4, kWon, Lead::STATE_WON))});
  EXPECT_THAT(Pending(), ElementsAre("01"));
}

TEST_F(IntakeTest, AStageThatComesLaterMakesARebuildDue) {
  TakeStages();
  const std::string daily = RebuildDue();
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON))});
  EXPECT_EQ(RebuildDue(), daily);
  Take({StageEvent("pipelines/p/stages/demo", 3)});
  EXPECT_NE(RebuildDue(), daily);
  const absl::Status status = db::RunInTx(*worker_, "", db::After(testing::kPatience), [&](db::Connection& connection) {
    EXPECT_EQ(*storage::FindRebuildDue(connection, clock_.Now()), kTenant);
    return storage::Rebuild(connection, kTenant, clock_.Now()).status();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(Frequencies(),
              ElementsAre("stage:demo 1.1/0.1", "stage:new 1.1/0.1", "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
  EXPECT_EQ(RebuildDue(), daily);  // a day from now again
}

TEST_F(IntakeTest, ARebuildCountsLeadsAsTheyAreNow) {
  TakeStages();
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON, "web")),
        EventOf("lead.lost", LeadIn(2, kNew, Lead::STATE_LOST, "web")),
        EventOf("lead.created", LeadIn(3, kNew, Lead::STATE_OPEN, "web"))});
  Take({EventOf("lead.updated", LeadIn(1, kWon, Lead::STATE_WON, "fair"))});
  Ask("DELETE FROM scoring.pending");
  storage::Rebuilt rebuilt;
  const absl::Status status = db::RunInTx(*worker_, "", db::After(testing::kPatience), [&](db::Connection& connection) {
    EMBUDO_ASSIGN_OR_RETURN(rebuilt, storage::Rebuild(connection, kTenant, clock_.Now()));
    return absl::OkStatus();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(rebuilt.won, 1);
  EXPECT_EQ(rebuilt.lost, 1);
  EXPECT_EQ(rebuilt.pending, 1);
  EXPECT_THAT(Frequencies(), ElementsAre("source:fair 1.1/0.1", "source:web 0.1/1.1", "stage:new 1.1/1.1",
                                         "stage:talk 1.1/0.1", "stage:won 1.1/0.1"));
  // What is subtracted from now on is what the rebuild added.
  Take({EventOf("lead.restored", LeadIn(1, kTalk, Lead::STATE_OPEN, "web"))});
  EXPECT_THAT(Frequencies(), ElementsAre("source:fair 0.1/0.1", "source:web 0.1/1.1", "stage:new 0.1/1.1",
                                         "stage:talk 0.1/0.1", "stage:won 0.1/0.1"));
  EXPECT_THAT(Pending(), ElementsAre("01"));
  EXPECT_THAT(Ask("SELECT total::text FROM scoring.rescoring"), ElementsAre("1"));
}

TEST_F(IntakeTest, ANewTenantGetsTheDefaultCriteriaOnce) {
  type::v1::Tenant tenant;
  tenant.set_name("tenants/acme");
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN))});
  Ask("DELETE FROM scoring.pending");
  Take({EventOf("tenant.created", tenant)});
  EXPECT_THAT(Ask("SELECT criterion_id FROM scoring.criterion"),
              UnorderedElementsAre("budget-confirmed", "decision-maker-identified", "timeline-defined", "current-pain",
                                   "company-size-fit"));
  EXPECT_THAT(Ask("SELECT total::text FROM scoring.rescoring"), ElementsAre("1"));
  Ask("UPDATE scoring.criterion SET points = 1");
  Take({EventOf("tenant.created", tenant)});
  EXPECT_THAT(Ask("SELECT DISTINCT points FROM scoring.criterion"), ElementsAre("1"));
}

TEST_F(IntakeTest, TenantsAreApart) {
  TakeStages();
  Take({EventOf("lead.won", LeadIn(1, kWon, Lead::STATE_WON)),
        EventOf("lead.lost", LeadIn(1, kNew, Lead::STATE_LOST, "web"), "other")});
  EXPECT_THAT(
      Ask("SELECT tenant_id || ' ' || variable FROM scoring.frequency WHERE variable NOT LIKE '%quality' AND lost > 1"),
      ElementsAre("other source"));
}

class PendingTest : public IntakeTest {
 protected:
  db::Pool::Lease Connection() { return *worker_->Acquire(db::After(testing::kPatience)); }
};

TEST_F(PendingTest, AMarkThatIsTakenIsNobodyElsesAndComesBackWhenItIsNotScored) {
  auto one = Connection();
  auto other = Connection();
  ASSERT_TRUE(storage::MarkPending(*one, kTenant, {IdOf(2), IdOf(1)}).ok());
  ASSERT_TRUE(one->ExecScript("BEGIN").ok());
  EXPECT_EQ(storage::TakePending(*one, kTenant, 10)->size(), 2);
  EXPECT_THAT(*storage::TakePending(*other, kTenant, 10), IsEmpty());
  ASSERT_TRUE(one->ExecScript("ROLLBACK").ok());
  EXPECT_EQ(storage::TakePending(*other, kTenant, 10)->size(), 2);
  EXPECT_EQ(*storage::CountPending(*other, kTenant), 0);
}

TEST_F(PendingTest, AMarkThatIsRenewedWhileTheLeadIsScoredIsKept) {
  auto scorer = Connection();
  ASSERT_TRUE(storage::MarkPending(*scorer, kTenant, {IdOf(1)}).ok());
  ASSERT_TRUE(scorer->ExecScript("BEGIN").ok());
  ASSERT_EQ(storage::TakePending(*scorer, kTenant, 10)->size(), 1);
  std::thread marker([&] { EXPECT_TRUE(storage::MarkPending(*Connection(), kTenant, {IdOf(1)}).ok()); });
  const auto waits = [&] { return Ask("SELECT 1 FROM pg_locks WHERE NOT granted").size() == 1; };
  EXPECT_TRUE(testing::Eventually(waits));
  ASSERT_TRUE(scorer->ExecScript("COMMIT").ok());
  marker.join();
  EXPECT_EQ(*storage::CountPending(*scorer, kTenant), 1);
}

TEST_F(PendingTest, ChangedLeadsComeBeforeAWholeTenants) {
  auto connection = Connection();
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN)),
        EventOf("lead.created", LeadIn(2, kNew, Lead::STATE_OPEN))});
  ASSERT_EQ(storage::TakePending(*connection, kTenant, 10)->size(), 2);
  EXPECT_EQ(*storage::AskForRescoring(*connection, kTenant), 2);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 2);
  ASSERT_TRUE(storage::MarkPending(*connection, kTenant, {IdOf(2)}).ok());
  EXPECT_THAT(*storage::TakePending(*connection, kTenant, 1), ElementsAre(IdOf(2)));
}

TEST_F(PendingTest, WhoAsksForARescoringWaitsForNobody) {
  auto worker = Connection();
  auto other = Connection();
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN)),
        EventOf("lead.created", LeadIn(2, kNew, Lead::STATE_OPEN))});
  ASSERT_TRUE(worker->ExecScript("BEGIN").ok());
  ASSERT_EQ(storage::TakePending(*worker, kTenant, 1)->size(), 1);
  ASSERT_TRUE(other->ExecScript("SET lock_timeout = '1ms'").ok());
  EXPECT_EQ(*storage::AskForRescoring(*other, kTenant, IdOf(9)), 2);
  EXPECT_EQ(*storage::CountUnmarked(*other, kTenant), 2);
  // A worker waits for another: what that one reads of the lead may be older than what was asked for.
  EXPECT_FALSE(storage::MarkPiece(*other, kTenant).ok());
  ASSERT_TRUE(worker->ExecScript("COMMIT").ok());
  EXPECT_EQ(*storage::MarkPiece(*other, kTenant), 2);
  EXPECT_EQ(*storage::CountUnmarked(*other, kTenant), 0);
  EXPECT_THAT(Pending(), ElementsAre("01", "02"));
}

TEST_F(PendingTest, ARescoringIsOverWhenAllItsMarksAreWorkedOff) {
  auto connection = Connection();
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN))});
  ASSERT_EQ(storage::TakePending(*connection, kTenant, 10)->size(), 1);
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant, IdOf(9)), 1);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 1);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 0);
  ASSERT_TRUE(storage::FindRescoring(*connection, kTenant, IdOf(9))->has_value());
  EXPECT_EQ((*storage::FindRescoring(*connection, kTenant, IdOf(9)))->marked, 1);
  ASSERT_EQ(storage::TakePending(*connection, kTenant, 10)->size(), 1);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 0);
  EXPECT_FALSE(storage::FindRescoring(*connection, kTenant, IdOf(9))->has_value());
  EXPECT_EQ(*storage::NextRescored(*connection, ""), "");
}

TEST_F(PendingTest, ARescoringGoesOnInPiecesAndWhatIsAskedForMeanwhileComesAfterIt) {
  auto connection = Connection();
  Ask("INSERT INTO scoring.lead (tenant_id, lead_id, state, scored, data) SELECT 'acme',"
      " ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'OPEN', n % 2 = 0, '' FROM"
      " generate_series(1, 5000) AS n");
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant, IdOf(1)), 2500);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 2000);
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant, IdOf(2)), 2500);
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant, IdOf(3)), 2500);
  EXPECT_EQ(*storage::CountUnmarked(*connection, kTenant), 500 + 2500);
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 0) << "2000 marks are not few";
  std::vector<int> pieces;
  for (int i = 0; i < 20 && *storage::NextRescored(*connection, "") == kTenant; ++i) {
    ASSERT_TRUE(storage::TakePending(*connection, kTenant, 2000).ok());
    pieces.push_back(*storage::MarkPiece(*connection, kTenant));
    // The one that came first ends first, the two that came after it together.
    EXPECT_EQ(storage::FindRescoring(*connection, kTenant, IdOf(2))->has_value(),
              storage::FindRescoring(*connection, kTenant, IdOf(3))->has_value());
  }
  EXPECT_THAT(pieces, ElementsAre(500, 0, 2000, 500, 0));
}

TEST_F(PendingTest, ADroppedRescoringLeavesTheOthers) {
  auto connection = Connection();
  Take({EventOf("lead.created", LeadIn(1, kNew, Lead::STATE_OPEN))});
  ASSERT_EQ(storage::TakePending(*connection, kTenant, 10)->size(), 1);
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant, IdOf(8)), 1);
  ASSERT_EQ(*storage::AskForRescoring(*connection, kTenant), 1);
  ASSERT_TRUE(storage::DropRescoring(*connection, kTenant, IdOf(8)).ok());
  EXPECT_EQ(*storage::MarkPiece(*connection, kTenant), 1);
}

TEST_F(PendingTest, TenantsTakeTurns) {
  auto connection = Connection();
  for (const char* tenant : {"a", "b", "c"}) ASSERT_TRUE(storage::MarkPending(*connection, tenant, {IdOf(1)}).ok());
  EXPECT_EQ(*storage::NextTenant(*connection, ""), "a");
  EXPECT_EQ(*storage::NextTenant(*connection, "a"), "b");
  EXPECT_EQ(*storage::NextTenant(*connection, "c"), "a");
}

}  // namespace
}  // namespace embudo::scoring::events
