// Models learned from a tenant's own history, over the whole way: leads in the pipeline, their events, what is kept of
// them, a training run, the probability that is served.

#include <prometheus/counter.h>

#include <cmath>

#include "common/metrics/metrics.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/scoring/v1/criterion_service.pb.h"
#include "embudo/scoring/v1/operation_service.pb.h"
#include "embudo/scoring/v1/training_service.pb.h"
#include "google/longrunning/operations.pb.h"
#include "tests/integration/scoring/scoring_case.h"

namespace embudo {
namespace {

using absl::StatusCode;
using google::longrunning::Operation;
using scoring::v1::ScoringSettings;
using scoring::v1::TrainingRun;
using testing::BadFields;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using ::testing::Not;
using ::testing::SizeIs;
using type::v1::Lead;

class TrainingTest : public testing::ScoringCase {
 protected:
  Operation Wait(Operation operation) {
    scoring::v1::WaitOperationRequest request;
    request.set_name(operation.name());
    for (int i = 0; i < 20 && !operation.done(); ++i) operation = scorer_.Must<Operation>(request);
    EXPECT_TRUE(operation.done());
    return operation;
  }
  TrainingRun Train() {
    const Operation operation = Wait(scorer_.Must<Operation>(scoring::v1::StartTrainingRequest()));
    EXPECT_FALSE(operation.has_error()) << operation.error().DebugString();
    TrainingRun run;
    EXPECT_TRUE(operation.response().UnpackTo(&run));
    return run;
  }
  void Use(ScoringSettings::Method method) {
    scoring::v1::UpdateScoringSettingsRequest request;
    request.mutable_scoring_settings()->set_method(method);
    request.mutable_update_mask()->add_paths("method");
    EXPECT_EQ(scorer_.Must<ScoringSettings>(request).method(), method);
  }
  /// Leads of two sources: of those from the fair nine in ten are won, of the others one in ten.
  void MakeHistory(int leads) {
    for (int i = 0; i < leads; ++i) {
      const bool fair = i % 2 == 0;
      const Lead lead = FromSource(fair ? "fair" : "web");
      if ((i / 2 % 10 == 0) != fair) {
        Win(lead);
      } else {
        Lose(lead);
      }
      suite_->clock().Advance(std::chrono::seconds(60));
    }
    CatchUp();
  }
};

TEST_F(TrainingTest, AModelIsLearnedServedAndExplained) {
  MakeHistory(200);
  const TrainingRun run = Train();
  EXPECT_EQ(run.state(), TrainingRun::STATE_SUCCEEDED);
  EXPECT_EQ(run.cause(), TrainingRun::CAUSE_REQUEST);
  EXPECT_EQ(run.leads(), 200);
  EXPECT_EQ(run.won_leads(), 100);
  EXPECT_THAT(run.models(), SizeIs(5));
  for (const auto& model : run.models()) {
    EXPECT_TRUE(std::isfinite(model.log_loss()) && std::isfinite(model.auc())) << model.DebugString();
  }
  EXPECT_THAT(run.champion(), Not("prior"));
  EXPECT_LT(run.first_close_time().seconds(), run.last_close_time().seconds());

  // Naive Bayes stays until the settings allow another.
  const Lead fair = FromSource("fair");
  const Lead web = FromSource("web");
  CatchUp();
  EXPECT_EQ(Explain(fair).model(), "naive_bayes");
  Use(ScoringSettings::METHOD_LOGISTIC);
  CatchUp();
  const auto explained = Explain(fair);
  EXPECT_EQ(explained.model(), "logistic");
  EXPECT_EQ(explained.training_run(), run.name());
  EXPECT_GT(explained.probability(), 65);
  EXPECT_LT(Explain(web).probability(), 35);
  ASSERT_GE(explained.factors_size(), 1);
  EXPECT_EQ(explained.factors(0).variable(), "source");
  EXPECT_THAT(explained.factors(0).text(), HasSubstr("raises the chance by"));
  EXPECT_DOUBLE_EQ(Get(fair).automated_probability(), explained.probability());
  EXPECT_DOUBLE_EQ(Get(fair).probability(), explained.probability());

  Use(ScoringSettings::METHOD_GRADIENT_BOOSTING);
  CatchUp();
  EXPECT_EQ(Explain(web).model(), "gradient_boosting");
  EXPECT_LT(Explain(web).probability(), 40);
  EXPECT_DOUBLE_EQ(Get(web).automated_probability(), Explain(web).probability());

  scoring::v1::GetTrainingRunRequest get;
  get.set_name(run.name());
  EXPECT_TRUE(scorer_.Must<TrainingRun>(get).serving());
}

TEST_F(TrainingTest, WhatIsKnownOnlyAfterClosingCannotEnter) {
  for (int i = 0; i < 60; ++i) {
    const Lead lead = FromSource("fair");
    const Lead closed = i % 2 == 0 ? Win(lead) : Lose(lead);
    pipeline::v1::UpdateLeadRequest update;
    *update.mutable_lead() = closed;
    update.mutable_lead()->set_industry(i % 2 == 0 ? "bought" : "went away");
    update.mutable_update_mask()->add_paths("industry");
    admin_.Must<Lead>(update);
  }
  CatchUp();
  const auto kept = suite_->Query(
      "SELECT count(*), count(*) FILTER (WHERE cells ? 'industry'), count(*) FILTER (WHERE cells ? 'stage')"
      " FROM scoring.snapshot WHERE tenant_id = $1",
      db::Params::Of(tenant_));
  EXPECT_GE(kept[0].Int(0), 60);
  EXPECT_EQ(kept[0].Int(1), 0);
  EXPECT_EQ(kept[0].Int(2), kept[0].Int(0));
  const TrainingRun run = Train();
  for (const auto& variable : run.drift().variables()) EXPECT_NE(variable.variable(), "industry");
  EXPECT_EQ(run.champion(), "prior") << run.DebugString();
}

TEST_F(TrainingTest, ALeadThatOpensAgainIsLookedAtAnew) {
  const Lead lead = FromSource("fair");
  Lose(lead);
  CatchUp();
  pipeline::v1::RestoreLeadRequest restore;
  restore.set_name(lead.name());
  Lead open = admin_.Must<Lead>(restore);
  pipeline::v1::UpdateLeadRequest update;
  *update.mutable_lead() = open;
  update.mutable_lead()->set_industry("steel");
  update.mutable_update_mask()->add_paths("industry");
  admin_.Must<Lead>(update);
  CatchUp();
  const auto kept =
      suite_->Query("SELECT cells ->> 'industry' FROM scoring.snapshot WHERE tenant_id = $1", db::Params::Of(tenant_));
  ASSERT_EQ(kept.size(), 1);
  EXPECT_EQ(kept[0].Text(0), "steel");
}

TEST_F(TrainingTest, WithoutHistoryAndWithOnlyWinsNothingFails) {
  CatchUp();
  Use(ScoringSettings::METHOD_AUTOMATIC);
  const TrainingRun nothing = Train();
  EXPECT_EQ(nothing.leads(), 0);
  EXPECT_EQ(nothing.champion(), "prior");
  EXPECT_THAT(nothing.signal(), HasSubstr("too few rows"));
  const Lead lead = FromSource("fair");
  CatchUp();
  EXPECT_FALSE(Explain(lead).has_probability());
  EXPECT_THAT(Explain(lead).summary(), HasSubstr("Too few leads were won and lost"));

  for (int i = 0; i < 3; ++i) Win(FromSource("fair"));
  CatchUp();
  const TrainingRun wins = Train();
  EXPECT_EQ(wins.won_leads(), 3);
  CatchUp();
  const auto explained = Explain(lead);
  EXPECT_EQ(explained.model(), "naive_bayes");
  EXPECT_GT(explained.probability(), 90);
  EXPECT_LT(explained.probability(), 100);
}

TEST_F(TrainingTest, AnEarlierRunServesAgain) {
  MakeHistory(60);
  scoring::v1::RollbackModelRequest back;
  EXPECT_THAT(scorer_.Call<TrainingRun>(back), IsError(StatusCode::kFailedPrecondition, "NO_MODEL"));
  const TrainingRun first = Train();
  const TrainingRun second = Train();
  Use(ScoringSettings::METHOD_LOGISTIC);
  const Lead lead = FromSource("web");
  CatchUp();
  EXPECT_EQ(Explain(lead).training_run(), second.name());
  EXPECT_EQ(scorer_.Must<TrainingRun>(back).name(), first.name());
  EXPECT_EQ(Explain(lead).training_run(), first.name());
  back.set_training_run(second.name());
  EXPECT_EQ(scorer_.Must<TrainingRun>(back).name(), second.name());
  EXPECT_EQ(Explain(lead).training_run(), second.name());

  back.set_training_run("trainingRuns/00000000-0000-0000-0000-000000000001");
  EXPECT_THAT(scorer_.Call<TrainingRun>(back), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  scoring::v1::ListTrainingRunsRequest list;
  list.set_page_size(1);
  const auto page = scorer_.Must<scoring::v1::ListTrainingRunsResponse>(list);
  ASSERT_THAT(page.training_runs(), SizeIs(1));
  EXPECT_EQ(page.training_runs(0).name(), second.name());
  list.set_page_token(page.next_page_token());
  const auto rest = scorer_.Must<scoring::v1::ListTrainingRunsResponse>(list);
  ASSERT_THAT(rest.training_runs(), SizeIs(1));
  EXPECT_EQ(rest.training_runs(0).name(), first.name());
  EXPECT_FALSE(rest.training_runs(0).serving());
  EXPECT_THAT(rest.next_page_token(), IsEmpty());
}

TEST_F(TrainingTest, ABrokenModelLetsTheOneBeforeServe) {
  MakeHistory(60);
  const TrainingRun first = Train();
  Train();
  suite_->Query("UPDATE scoring.model SET data = data || '\\x00'::bytea WHERE tenant_id = $1 AND run_id <> $2::uuid",
                db::Params::Of(tenant_, first.name().substr(std::string("trainingRuns/").size())));
  auto& broken =
      suite_->metrics("scoring").Counter("embudo_scoring_broken_models_total", "Trained models that could not be read");
  const double before = broken.Value();
  Use(ScoringSettings::METHOD_LOGISTIC);
  const Lead lead = FromSource("web");
  CatchUp();
  EXPECT_EQ(Explain(lead).training_run(), first.name());
  EXPECT_THAT(broken.Value(), Ge(before + 1));
}

TEST_F(TrainingTest, TrainingIsDueWithTheMethodAndAfterClosings) {
  MakeHistory(50);
  scoring::v1::UpdateScoringSettingsRequest update;
  update.mutable_scoring_settings()->set_method(ScoringSettings::METHOD_AUTOMATIC);
  update.mutable_scoring_settings()->set_retrain_after_closings(10);
  scorer_.Must<ScoringSettings>(update);
  const auto runs = [&] {
    std::vector<TrainingRun::Cause> causes;
    const auto page = scorer_.Must<scoring::v1::ListTrainingRunsResponse>(scoring::v1::ListTrainingRunsRequest());
    for (const auto& run : page.training_runs()) {
      if (run.state() == TrainingRun::STATE_SUCCEEDED) causes.push_back(run.cause());
    }
    return causes;
  };
  EXPECT_TRUE(testing::Eventually([&] { return runs().size() == 1; }));
  EXPECT_THAT(runs(), ElementsAre(TrainingRun::CAUSE_SCHEDULE));
  MakeHistory(10);
  EXPECT_TRUE(testing::Eventually([&] { return runs().size() == 2; }));
  EXPECT_THAT(runs(), ElementsAre(TrainingRun::CAUSE_CLOSINGS, TrainingRun::CAUSE_SCHEDULE));
}

TEST_F(TrainingTest, SettingsAreChecked) {
  scoring::v1::UpdateScoringSettingsRequest update;
  update.mutable_scoring_settings()->set_retrain_after_days(-1);
  EXPECT_THAT(BadFields(scorer_.Call<ScoringSettings>(update).status()),
              ElementsAre("scoring_settings.retrain_after_days"));
  scoring::v1::GetScoringSettingsRequest get;
  get.set_name("scoringSettings");
  EXPECT_EQ(scorer_.Must<ScoringSettings>(get).method(), ScoringSettings::METHOD_NAIVE_BAYES);
  get.set_name("other");
  EXPECT_THAT(BadFields(scorer_.Call<ScoringSettings>(get).status()), ElementsAre("name"));
  const auto rep = suite_->As(tenant_, type::v1::ROLE_REP, "users/rep", "scoring");
  EXPECT_THAT(rep.Call<ScoringSettings>(update), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  EXPECT_THAT(rep.Call<Operation>(scoring::v1::StartTrainingRequest()),
              IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
}

TEST_F(TrainingTest, AnotherTenantsRunIsNotThere) {
  CatchUp();
  const TrainingRun run = Train();
  const auto stranger = suite_->As(suite_->NewTenant(), type::v1::ROLE_ADMIN, "users/admin", "scoring");
  scoring::v1::GetTrainingRunRequest get;
  get.set_name(run.name());
  EXPECT_THAT(stranger.Call<TrainingRun>(get), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  scoring::v1::GetOperationRequest operation;
  operation.set_name("operations/" + run.name().substr(std::string("trainingRuns/").size()));
  EXPECT_THAT(stranger.Call<Operation>(operation), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_TRUE(scorer_.Must<Operation>(operation).done());
}

TEST_F(TrainingTest, TheSameRequestTwiceTrainsOnce) {
  CatchUp();
  scoring::v1::StartTrainingRequest request;
  request.set_request_id("018f0000-0000-7000-8000-0000000000aa");
  const Operation first = Wait(scorer_.Must<Operation>(request));
  const Operation again = scorer_.Must<Operation>(request);
  EXPECT_EQ(again.name(), first.name());
  EXPECT_TRUE(again.done());
  scoring::v1::StartRescoringRequest other;
  other.set_request_id(request.request_id());
  EXPECT_THAT(scorer_.Call<Operation>(other), IsError(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
}

TEST_F(TrainingTest, RescoringTellsHowFarItIs) {
  for (int i = 0; i < 5; ++i) FromSource("fair");
  CatchUp();
  const Operation operation = Wait(scorer_.Must<Operation>(scoring::v1::StartRescoringRequest()));
  scoring::v1::RescoringSummary summary;
  ASSERT_TRUE(operation.response().UnpackTo(&summary)) << operation.DebugString();
  EXPECT_EQ(summary.leads(), 5);
  scoring::v1::OperationMetadata metadata;
  ASSERT_TRUE(operation.metadata().UnpackTo(&metadata));
  EXPECT_EQ(metadata.kind(), scoring::v1::OperationMetadata::KIND_RESCORING);
  EXPECT_EQ(metadata.total(), 5);
  EXPECT_EQ(metadata.done(), 5);
  // Nothing happens to one that is done.
  scoring::v1::CancelOperationRequest cancel;
  cancel.set_name(operation.name());
  EXPECT_TRUE(scorer_.Must<Operation>(cancel).has_response());
  scoring::v1::ListOperationsRequest list;
  const auto page = scorer_.Must<scoring::v1::ListOperationsResponse>(list);
  ASSERT_THAT(page.operations(), SizeIs(1));
  EXPECT_EQ(page.operations(0).name(), operation.name());
}

TEST_F(TrainingTest, RescoringBeginsThoughAWorkerHoldsMarks) {
  for (int i = 0; i < 3; ++i) FromSource("fair");
  CatchUp();
  // As one whose batch takes long; a mark that is not committed holds as one that is being taken away.
  db::Pool::Lease worker = *suite_->sql().Acquire("", db::After(std::chrono::seconds(5)));
  ASSERT_TRUE(worker->ExecScript("BEGIN").ok());
  ASSERT_TRUE(worker
                  ->Exec("INSERT INTO scoring.pending (tenant_id, lead_id, bulk)"
                         " SELECT tenant_id, lead_id, true FROM scoring.lead WHERE tenant_id = $1",
                         db::Params::Of(tenant_))
                  .ok());
  const Operation operation = scorer_.Must<Operation>(scoring::v1::StartRescoringRequest());
  EXPECT_FALSE(operation.done());
  scoring::v1::OperationMetadata metadata;
  ASSERT_TRUE(operation.metadata().UnpackTo(&metadata));
  EXPECT_EQ(metadata.total(), 3);
  EXPECT_EQ(scorer_.Must<scoring::v1::RescoreLeadsResponse>(scoring::v1::RescoreLeadsRequest()).pending_count(), 3);
  EXPECT_GT(scorer_.Must<scoring::v1::ScoringProgress>(scoring::v1::GetScoringProgressRequest()).pending_count(), 0);
  ASSERT_TRUE(worker->ExecScript("ROLLBACK").ok());
  scoring::v1::RescoringSummary summary;
  ASSERT_TRUE(Wait(operation).response().UnpackTo(&summary));
  EXPECT_EQ(summary.leads(), 3);
}

TEST_F(TrainingTest, ACancelledRescoringEndsAndTakesNothingFromOthers) {
  const Lead lead = FromSource("fair");
  CatchUp();
  db::Pool::Lease worker = *suite_->sql().Acquire("", db::After(std::chrono::seconds(5)));
  ASSERT_TRUE(worker->ExecScript("BEGIN").ok());
  ASSERT_TRUE(worker
                  ->Exec("INSERT INTO scoring.pending (tenant_id, lead_id, bulk)"
                         " SELECT tenant_id, lead_id, true FROM scoring.lead WHERE tenant_id = $1",
                         db::Params::Of(tenant_))
                  .ok());
  // The criterion wants all leads scored, too.
  scoring::v1::CreateCriterionRequest create;
  create.mutable_criterion()->set_display_name("Met at the fair");
  create.mutable_criterion()->set_filter("source = fair");
  create.mutable_criterion()->set_points(40);
  scorer_.Must<scoring::v1::Criterion>(create);
  const Operation operation = scorer_.Must<Operation>(scoring::v1::StartRescoringRequest());
  scoring::v1::CancelOperationRequest cancel;
  cancel.set_name(operation.name());
  scorer_.Must<Operation>(cancel);
  const Operation ended = Wait(operation);
  EXPECT_EQ(ended.error().code(), static_cast<int>(StatusCode::kCancelled)) << ended.DebugString();
  EXPECT_EQ(Get(lead).score(), 0);
  ASSERT_TRUE(worker->ExecScript("ROLLBACK").ok());
  CatchUp();
  EXPECT_EQ(Get(lead).score(), 40);
}

TEST_F(TrainingTest, ATrainingThatRunsAndOneThatWaitsAreCancelled) {
  for (int i = 0; i < 30; ++i) i % 2 == 0 ? Win(FromSource("fair")) : Lose(FromSource("web"));
  CatchUp();
  const TrainingRun before = Train();
  // It can't go on, as it can't read the looks at the leads.
  db::Pool::Lease other = *suite_->sql().Acquire("", db::After(std::chrono::seconds(5)));
  ASSERT_TRUE(other->ExecScript("BEGIN; LOCK TABLE scoring.snapshot IN ACCESS EXCLUSIVE MODE").ok());
  const Operation running = scorer_.Must<Operation>(scoring::v1::StartTrainingRequest());
  const auto run_of = [&](const Operation& operation) {
    scoring::v1::GetTrainingRunRequest get;
    get.set_name("trainingRuns/" + operation.name().substr(std::string("operations/").size()));
    return scorer_.Must<TrainingRun>(get);
  };
  EXPECT_TRUE(testing::Eventually([&] { return run_of(running).state() == TrainingRun::STATE_RUNNING; }));
  const Operation waiting = scorer_.Must<Operation>(scoring::v1::StartTrainingRequest());
  EXPECT_NE(waiting.name(), running.name());
  // Who asks while one waits is told of that one.
  EXPECT_EQ(scorer_.Must<Operation>(scoring::v1::StartTrainingRequest()).name(), waiting.name());
  const auto cancel = [&](const Operation& operation) {
    scoring::v1::CancelOperationRequest request;
    request.set_name(operation.name());
    return scorer_.Must<Operation>(request);
  };
  EXPECT_EQ(cancel(waiting).error().code(), static_cast<int>(StatusCode::kCancelled));
  EXPECT_EQ(run_of(waiting).state(), TrainingRun::STATE_CANCELLED);
  EXPECT_FALSE(cancel(running).done());
  ASSERT_TRUE(other->ExecScript("COMMIT").ok());
  EXPECT_EQ(Wait(running).error().code(), static_cast<int>(StatusCode::kCancelled));
  EXPECT_EQ(run_of(running).state(), TrainingRun::STATE_CANCELLED);
  EXPECT_TRUE(run_of(running).has_end_time());
  EXPECT_EQ(run_of(running).models_size(), 0);
  // What served serves, and the next one is not in its way.
  scoring::v1::GetScoringSettingsRequest settings;
  settings.set_name("scoringSettings");
  EXPECT_EQ(scorer_.Must<ScoringSettings>(settings).serving_run(), before.name());
  EXPECT_EQ(Train().state(), TrainingRun::STATE_SUCCEEDED);
}

TEST_F(TrainingTest, WhatIsErasedOfAPersonIsInNoLookAndNoModel) {
  pipeline::v1::CreateCustomFieldRequest define;
  define.mutable_custom_field()->set_key("nickname");
  define.mutable_custom_field()->set_display_name("Nickname");
  define.mutable_custom_field()->set_type(type::v1::CustomField::TYPE_TEXT);
  define.mutable_custom_field()->set_target(type::v1::CustomField::TARGET_LEAD);
  admin_.Must<type::v1::CustomField>(define);
  Lead person;
  person.set_source("fair");
  person.set_contact_name("Moses qzvanished");
  person.set_email("qzvanished@example.com");
  person.set_job_title("qzvanished officer");
  person.set_pain("qzvanished hurts");
  (*person.mutable_custom_fields())["nickname"].set_string_value("qzvanished");
  const Lead open = Create(person);
  const Lead closed = Create(person);
  CatchUp();
  Win(closed);
  CatchUp();
  const auto planted = [&](const std::string& table, const std::string& column) {
    return suite_
        ->Query("SELECT count(*) FROM scoring." + table + " WHERE tenant_id = $1 AND position('qzvanished' in " +
                    column + ") > 0",
                db::Params::Of(tenant_))[0]
        .Int(0);
  };
  EXPECT_EQ(planted("snapshot", "cells::text"), 2);
  pipeline::v1::ErasePersonRequest erase;
  erase.set_email("qzvanished@example.com");
  erase.set_reason("asked for it");
  admin_.Must<pipeline::v1::ErasePersonResponse>(erase);
  CatchUp();
  EXPECT_EQ(planted("snapshot", "cells::text"), 0);
  EXPECT_EQ(planted("lead", "encode(data, 'escape')"), 0);
  EXPECT_EQ(planted("closed_lead", "couples::text"), 0);
  EXPECT_EQ(planted("frequency", "value"), 0);
  // The rest is still there to learn from.
  const db::Result left =
      suite_->Query("SELECT count(*) FROM scoring.snapshot WHERE tenant_id = $1 AND cells ->> 'source' = 'fair'",
                    db::Params::Of(tenant_));
  EXPECT_EQ(left[0].Int(0), 2);
  EXPECT_EQ(Train().leads(), 1);
  EXPECT_EQ(planted("model", "encode(data, 'escape')"), 0);
}

TEST_F(TrainingTest, TheMostUrgentLeadComesFirst) {
  pipeline::v1::CreateUserRequest user;
  user.set_user_id("ann");
  user.mutable_user()->set_display_name("Ann");
  admin_.Must<type::v1::User>(user);
  const auto ann = suite_->As(tenant_, type::v1::ROLE_REP, "users/ann", "scoring");
  Lead cold;
  cold.set_owner("users/ann");
  Create(cold);
  Lead hot = cold;
  hot.mutable_budget()->set_currency_code("USD");
  hot.mutable_budget()->set_units(50000);
  hot.set_job_title("Chief Executive Officer");
  const Lead urgent = Create(hot);
  CatchUp();
  const auto response = ann.Must<scoring::v1::ListPrioritiesResponse>(scoring::v1::ListPrioritiesRequest());
  ASSERT_THAT(response.priorities(), SizeIs(2));
  EXPECT_EQ(response.priorities(0).lead(), urgent.name());
  EXPECT_THAT(response.priorities(0).reasons(), Contains("score 55"));
  EXPECT_THAT(response.priorities(0).reasons(), Contains("no activity is planned"));
  scoring::v1::ListPrioritiesRequest other;
  other.set_owner("nobody");
  EXPECT_THAT(BadFields(scorer_.Call<scoring::v1::ListPrioritiesResponse>(other).status()), ElementsAre("owner"));
}

class EvaluateTest : public testing::ScoringCase {
 protected:
  static constexpr char kMethod[] = "embudo.scoring.v1.ScoringService/Evaluate";

  static absl::StatusOr<scoring::v1::Evaluation> Evaluate(const testing::Caller& caller, const std::string& label,
                                                          const std::string& text) {
    const auto stream = caller.Stream(kMethod);
    scoring::v1::EvaluateRequest request;
    request.mutable_settings()->set_label_column(label);
    bool open = stream->Write(request);
    for (size_t begin = 0; open && begin < text.size(); begin += 60000) {
      request.set_chunk(text.substr(begin, 60000));
      open = stream->Write(request);
    }
    if (open) stream->WritesDone();
    scoring::v1::Evaluation evaluation;
    const bool answered = stream->Read(&evaluation);
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
    if (!answered) return absl::InternalError("no answer");
    return evaluation;
  }
};

TEST_F(EvaluateTest, ALabelledTableIsJudged) {
  std::string text = "size;source;won\n";
  for (int i = 0; i < 300; ++i) {
    const bool won = (i * 7919) % 100 < (i % 2 == 0 ? 80 : 20);
    text += std::to_string(i % 17) + ";" + (i % 2 == 0 ? "web" : "fair") + ";" + (won ? "yes" : "no") + "\n";
  }
  const auto manager = suite_->As(tenant_, type::v1::ROLE_MANAGER, "users/manager", "scoring");
  const auto evaluation = Evaluate(manager, "won", text);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->rows(), 300);
  EXPECT_THAT(evaluation->models(), SizeIs(5));
  EXPECT_NE(evaluation->champion(), "prior");
  EXPECT_THAT(Evaluate(manager, "lost", text), IsError(StatusCode::kInvalidArgument, "INVALID_FIELD"));
  const auto rep = suite_->As(tenant_, type::v1::ROLE_REP, "users/rep", "scoring");
  EXPECT_THAT(Evaluate(rep, "won", text), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
}

TEST_F(EvaluateTest, TheSettingsComeFirst) {
  const auto stream = scorer_.Stream(kMethod);
  scoring::v1::EvaluateRequest request;
  request.set_chunk("a,b\n");
  stream->Write(request);
  scoring::v1::Evaluation evaluation;
  EXPECT_FALSE(stream->Read(&evaluation));
  EXPECT_THAT(BadFields(stream->Finish()), ElementsAre("settings"));
}

}  // namespace
}  // namespace embudo
