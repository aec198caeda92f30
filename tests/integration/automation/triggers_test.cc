// What sets rules off: each trigger by what happens in the pipeline, once, and by nothing beside it.

#include <string>
#include <vector>

#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "tests/integration/automation/suite.h"

namespace embudo::testing {
namespace {

using automation::v1::Trigger;
using type::v1::Message;
using type::v1::Quote;

class TriggersTest : public AutomationCase {
 protected:
  /// A rule that only runs.
  void On(const Trigger& trigger, const std::string& condition = "") {
    Rule rule;
    *rule.mutable_trigger() = trigger;
    rule.set_condition(condition);
    rule.add_actions()->mutable_stop();
    Install("rule", rule);
  }
  /// The leads that the rule has run for until now, in that order.
  std::vector<std::string> RanFor() {
    CatchUp();
    std::vector<std::string> leads;
    for (const AutomationRun& run : Runs()) leads.push_back(run.lead());
    return leads;
  }
  Lead Owned(const std::string& name, const std::string& owner) {
    pipeline::v1::AssignLeadRequest request;
    request.set_name(name);
    request.set_owner(owner);
    return Pipeline<Lead>(request);
  }
  void Score(const std::string& lead, int score) {
    pipeline::v1::RecordScoresRequest request;
    request.add_scores()->set_lead(lead);
    request.mutable_scores(0)->set_score(score);
    suite_->As(tenant_, type::v1::ROLE_SERVICE, "services/scoring").Must<pipeline::v1::RecordScoresResponse>(request);
  }
  void Write(const std::string& lead, Message::Type type, bool by_machine = false) {
    pipeline::v1::CreateMessageRequest request;
    request.set_parent(lead);
    request.mutable_message()->set_type(type);
    request.mutable_message()->set_body("Yes, please");
    if (type == Message::TYPE_EMAIL_IN) {
      request.mutable_message()->set_from_address("ada@example.com");
      request.mutable_message()->set_auto_generated(by_machine);
    }
    suite_->As(tenant_, type::v1::ROLE_SERVICE, "services/capture").Must<Message>(request);
  }
  Quote Sent(const std::string& lead) {
    pipeline::v1::CreateQuoteRequest create;
    create.mutable_quote()->set_lead(lead);
    pipeline::v1::SendQuoteRequest send;
    send.set_name(Pipeline<Quote>(create).name());
    return Pipeline<Quote>(send);
  }
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(TriggersTest, AnAssignmentToTheOwnerThatIsNamed) {
  Trigger trigger;
  trigger.mutable_lead_assigned()->set_owner("users/bob");
  On(trigger);
  const std::string lead = CreateLead().name();
  Owned(lead, "users/ada");
  EXPECT_THAT(RanFor(), IsEmpty());
  Owned(lead, "users/bob");
  EXPECT_THAT(RanFor(), ElementsAre(lead));
  Describe(lead, "still bob's");
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

TEST_F(TriggersTest, ATagThatIsAddedAtCreationOrLater) {
  for (const char* id : {"vip", "other"}) {
    pipeline::v1::CreateTagRequest request;
    request.set_tag_id(id);
    request.mutable_tag()->set_display_name(id);
    Pipeline<type::v1::Tag>(request);
  }
  CatchUp();
  Trigger trigger;
  trigger.mutable_tag_added()->set_tag("tags/vip");
  On(trigger);
  Lead tagged;
  tagged.add_tags("tags/vip");
  const std::string first = CreateLead(tagged).name();
  const std::string second = CreateLead().name();
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(second);
  update.mutable_lead()->add_tags("tags/other");
  update.mutable_update_mask()->add_paths("tags");
  Pipeline<Lead>(update);
  EXPECT_THAT(RanFor(), ElementsAre(first));
  update.mutable_lead()->add_tags("tags/vip");
  Pipeline<Lead>(update);
  EXPECT_THAT(RanFor(), ElementsAre(first, second));
  // It has the tag already.
  update.mutable_lead()->mutable_tags()->Clear();
  update.mutable_lead()->add_tags("tags/vip");
  Pipeline<Lead>(update);
  EXPECT_THAT(RanFor(), ElementsAre(first, second));
}

TEST_F(TriggersTest, AScoreThatCrossesAThreshold) {
  Trigger trigger;
  trigger.mutable_score_crossed()->set_threshold(60);
  On(trigger);
  const std::string lead = CreateLead().name();
  Score(lead, 59);
  EXPECT_THAT(RanFor(), IsEmpty());
  Score(lead, 60);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
  Score(lead, 90);
  Score(lead, 20);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
  Score(lead, 61);
  EXPECT_THAT(RanFor(), ElementsAre(lead, lead));
}

TEST_F(TriggersTest, AScoreThatFallsBelowAThreshold) {
  Trigger trigger;
  trigger.mutable_score_crossed()->set_threshold(60);
  trigger.mutable_score_crossed()->set_direction(Trigger::ScoreCrossed::DIRECTION_DOWN);
  On(trigger);
  const std::string lead = CreateLead().name();
  Score(lead, 80);
  Score(lead, 60);
  EXPECT_THAT(RanFor(), IsEmpty());
  Score(lead, 59);
  Score(lead, 10);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

TEST_F(TriggersTest, AMailOfACustomerButNoneOfAMachine) {
  Trigger trigger;
  trigger.mutable_message_received();
  On(trigger);
  const std::string lead = CreateLead().name();
  Write(lead, Message::TYPE_CALL);
  Write(lead, Message::TYPE_EMAIL_IN, true);
  EXPECT_THAT(RanFor(), IsEmpty());
  Write(lead, Message::TYPE_EMAIL_IN);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

TEST_F(TriggersTest, AQuoteThatIsAccepted) {
  Trigger trigger;
  trigger.mutable_quote_accepted();
  On(trigger);
  Lead deal;
  deal.mutable_expected_revenue()->set_units(1000);
  deal.mutable_expected_revenue()->set_currency_code("USD");
  const std::string lead = CreateLead(deal).name();
  const Quote quote = Sent(lead);
  EXPECT_THAT(RanFor(), IsEmpty());
  pipeline::v1::AcceptQuoteRequest accept;
  accept.set_name(quote.name());
  accept.mutable_signature()->set_signer_name("Ada Lovelace");
  accept.mutable_signature()->set_signer_email("ada@example.com");
  accept.mutable_signature()->set_ip_address("192.0.2.7");
  accept.mutable_signature()->set_document_sha256(quote.document_sha256());
  Pipeline<Quote>(accept);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

TEST_F(TriggersTest, AStageThatIsLeft) {
  Trigger trigger;
  trigger.mutable_stage_left()->set_stage(kNew);
  On(trigger);
  const std::string lead = CreateLead().name();
  EXPECT_THAT(RanFor(), IsEmpty());
  Move(lead, kQualified);
  Move(lead, kProposal);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

TEST_F(TriggersTest, ALeadThatIsWonOrLost) {
  Trigger trigger;
  trigger.mutable_lead_won();
  On(trigger);
  Rule rule;
  rule.mutable_trigger()->mutable_lead_lost();
  rule.set_condition("lost_note = \"too dear\"");
  rule.add_actions()->mutable_stop();
  Install("lost", rule);
  const std::string won = CreateLead().name();
  const std::string lost = CreateLead().name();
  const std::string silent = CreateLead().name();
  pipeline::v1::WinLeadRequest win;
  win.set_name(won);
  win.set_override_reason("a test");
  Pipeline<Lead>(win);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(silent);
  Pipeline<Lead>(lose);
  lose.set_name(lost);
  lose.set_lost_note("too dear");
  Pipeline<Lead>(lose);
  CatchUp();
  ASSERT_EQ(Runs().size(), 2u) << Dump();
  EXPECT_EQ(Runs("rule = \"rules/rule\"").at(0).lead(), won);
  EXPECT_EQ(Runs("rule = \"rules/lost\"").at(0).lead(), lost);
}

TEST_F(TriggersTest, FieldsThatAreNamed) {
  Trigger trigger;
  trigger.mutable_lead_updated()->add_fields("expected_revenue");
  On(trigger, "expected_revenue > 500 AND previous.expected_revenue <= 500");
  const std::string lead = CreateLead().name();
  const auto expect = [&](int64_t units) {
    pipeline::v1::UpdateLeadRequest update;
    update.mutable_lead()->set_name(lead);
    update.mutable_lead()->mutable_expected_revenue()->set_units(units);
    update.mutable_lead()->mutable_expected_revenue()->set_currency_code("USD");
    update.mutable_update_mask()->add_paths("expected_revenue");
    Pipeline<Lead>(update);
  };
  Describe(lead, "nothing to do with it");
  expect(100);
  EXPECT_THAT(RanFor(), IsEmpty());
  expect(700);
  expect(800);
  EXPECT_THAT(RanFor(), ElementsAre(lead));
}

}  // namespace
}  // namespace embudo::testing
