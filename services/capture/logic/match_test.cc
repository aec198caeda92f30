#include "services/capture/logic/match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "services/capture/logic/policy.h"
#include "services/capture/logic/similarity.h"

namespace embudo::capture::logic {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Lead;
using v1::CaptureSettings;
using v1::Duplicate;
using v1::DuplicateRule;

Lead LeadOf(const std::string& company, const std::string& person, const std::string& email = "",
            const std::string& phone = "") {
  Lead lead;
  lead.set_company_name(company);
  lead.set_contact_name(person);
  lead.set_email(email);
  lead.set_phone(phone);
  return lead;
}

bool ShareABlock(const Lead& a, const Lead& b) {
  const auto x = NameBlocks(a.company_name(), a.contact_name());
  const auto y = NameBlocks(b.company_name(), b.contact_name());
  return std::any_of(x.begin(), x.end(), [&](const auto& k) { return std::find(y.begin(), y.end(), k) != y.end(); });
}

TEST(SimilarityTest, IsThatOfJaroAndWinkler) {
  // The examples of Winkler's paper.
  EXPECT_NEAR(JaroWinkler("martha", "marhta"), 0.961, 0.001);
  EXPECT_NEAR(JaroWinkler("dwayne", "duane"), 0.840, 0.001);
  EXPECT_NEAR(JaroWinkler("dixon", "dicksonx"), 0.813, 0.001);
  EXPECT_EQ(JaroWinkler("", ""), 1);
  EXPECT_EQ(JaroWinkler("a", ""), 0);
  EXPECT_EQ(JaroWinkler("abc", "xyz"), 0);
  EXPECT_EQ(JaroWinkler("日本", "日本"), 1);
}

TEST(SimilarityTest, NamesAlikeAreOneAndOthersAreNot) {
  struct Case {
    const char* company;
    const char* person;
    const char* other_company;
    const char* other_person;
    bool same;
  };
  for (const Case& c : {Case{"Acme, Inc.", "Moses Frase", "ACME", "Frase, Moses", true},
                        Case{"Betasoloin", "Darcel Schlecht", "Betasolion", "Darcel Schlect", true},
                        Case{"Société Générale", "José Núñez", "Societe Generale SA", "Jose Nunez", true},
                        Case{"Acme", "M. Frase", "Acme Ltd", "Moses Frase", true},
                        Case{"Acme", "Frase Moses", "Acme Ltd", "Moses Frase", true},
                        Case{"Acme", "Moses Frase", "Acme", "Anna Snelling", false},
                        Case{"Acme", "Moses Frase", "Zotware", "Moses Frase", false},
                        Case{"Cancity", "John Smith", "Codehow", "John Smith", false},
                        Case{"Acme", "", "Acme", "", false}, Case{"", "Moses Frase", "", "Moses Frase", false}}) {
    const double confidence = NamesConfidence(c.company, c.person, c.other_company, c.other_person);
    EXPECT_EQ(confidence > 0, c.same) << c.company << ", " << c.person << " / " << c.other_company << ": "
                                      << confidence;
    if (!c.same) continue;
    EXPECT_GE(confidence, 0.6);
    EXPECT_LE(confidence, 0.95);
    EXPECT_TRUE(ShareABlock(LeadOf(c.company, c.person), LeadOf(c.other_company, c.other_person))) << c.other_person;
  }
}

TEST(MatchTest, ALeadIsFoundByWhatTellsItFromOthers) {
  Lead lead = LeadOf("Acme GmbH", "Moses Frase", "moses+crm@acme.example", "030 901820");
  lead.add_external_ids()->set_system("crm");
  lead.mutable_external_ids(0)->set_id("7");
  EXPECT_THAT(ExactKeys(lead, "DE"),
              ElementsAre(MatchKey{"EXTERNAL_ID", "crm:7"}, MatchKey{"EMAIL", "moses@acme.example"},
                          MatchKey{"PHONE", "+4930901820"}));
  EXPECT_THAT(NamesKey(lead), ElementsAre(MatchKey{"NAMES", "acme|moses frase"}));
  EXPECT_THAT(SearchKeys(lead, "DE"), Contains(MatchKey{"DOMAIN", "acme.example"}));
  EXPECT_THAT(ExactKeys(Lead(), "DE"), IsEmpty());
  EXPECT_THAT(SearchKeys(Lead(), "DE"), IsEmpty());
}

TEST(MatchTest, ADomainWhereAnybodyHasAnAddressIsNoCompanys) {
  const auto domains = [](const std::string& email, const std::string& website) {
    Lead lead;
    lead.set_email(email);
    lead.set_website(website);
    std::vector<std::string> found;
    for (const MatchKey& key : SearchKeys(lead, "")) {
      if (key.kind == "DOMAIN") found.push_back(key.key);
    }
    return found;
  };
  EXPECT_THAT(domains("ana@gmail.com", ""), IsEmpty());
  EXPECT_THAT(domains("ana@yahoo.co.th", ""), IsEmpty());
  EXPECT_THAT(domains("ana@mailinator.com", ""), IsEmpty());
  EXPECT_THAT(domains("ana@x.mailinator.com", ""), IsEmpty());
  EXPECT_THAT(domains("ana@[192.0.2.1]", ""), IsEmpty());
  EXPECT_THAT(domains("ana@gmail.com", "https://www.Acme.example/x"), ElementsAre("acme.example"));
  EXPECT_THAT(domains("ana@acme.example", ""), ElementsAre("acme.example"));
}

TEST(MatchTest, ReasonsAddUpToAConfidence) {
  const Lead lead = LeadOf("Acme", "Moses Frase", "moses@acme.example");
  const auto judged = Judge(lead, {{"1", {"DOMAIN"}, "Acme", "Anna Snelling", Lead::STATE_OPEN},
                                   {"2", {"EMAIL", "DOMAIN", "BLOCK"}, "Acme", "Moses Frase", Lead::STATE_LOST},
                                   {"3", {"BLOCK"}, "Acme Inc", "Moses Frase", Lead::STATE_OPEN},
                                   {"4", {"BLOCK"}, "Acme", "Miles Fraser", Lead::STATE_OPEN}});
  ASSERT_EQ(judged.size(), 3u);
  EXPECT_EQ(judged[0].lead(), "leads/2");
  EXPECT_EQ(judged[0].state(), Lead::STATE_LOST);
  EXPECT_THAT(judged[0].reasons(), ElementsAre(Duplicate::REASON_EMAIL, Duplicate::REASON_COMPANY_AND_PERSON,
                                               Duplicate::REASON_COMPANY_DOMAIN));
  EXPECT_GT(judged[0].confidence(), 0.99);
  EXPECT_EQ(judged[1].lead(), "leads/3");
  EXPECT_DOUBLE_EQ(judged[1].confidence(), 0.95);
  EXPECT_THAT(judged[2].reasons(), ElementsAre(Duplicate::REASON_COMPANY_DOMAIN));
  EXPECT_DOUBLE_EQ(judged[2].confidence(), 0.3);
}

TEST(MatchTest, ThrowAwayAddressesAreToldOf) {
  EXPECT_THAT(WarningsOf(LeadOf("", "", "x@mailinator.com")),
              ElementsAre("the mail address is of mailinator.com, whose addresses are thrown away after use"));
  EXPECT_THAT(WarningsOf(LeadOf("", "", "x@acme.example")), IsEmpty());
}

DuplicateRule::Action DecideFor(const CaptureSettings& settings, Duplicate::Reason reason, Lead::Channel channel,
                                const std::string& source = "", double confidence = 0.9) {
  return Decide(settings, {channel, source}, reason, confidence);
}

TEST(PolicyTest, DefaultsHoldWhereNothingIsSaid) {
  const CaptureSettings none;
  EXPECT_EQ(DecideFor(none, Duplicate::REASON_EMAIL, Lead::CHANNEL_API), DuplicateRule::ACTION_ATTACH);
  EXPECT_EQ(DecideFor(none, Duplicate::REASON_EXTERNAL_ID, Lead::CHANNEL_API), DuplicateRule::ACTION_ATTACH);
  EXPECT_EQ(DecideFor(none, Duplicate::REASON_PHONE, Lead::CHANNEL_PHONE_CALL), DuplicateRule::ACTION_ATTACH);
  EXPECT_EQ(DecideFor(none, Duplicate::REASON_PHONE, Lead::CHANNEL_WEB_FORM), DuplicateRule::ACTION_FLAG);
  EXPECT_EQ(DecideFor(none, Duplicate::REASON_COMPANY_DOMAIN, Lead::CHANNEL_API), DuplicateRule::ACTION_CREATE);
}

TEST(PolicyTest, TheFirstRuleThatFitsDecides) {
  CaptureSettings settings;
  auto* fair = settings.add_duplicate_rules();
  fair->set_source("Fair");
  fair->set_action(DuplicateRule::ACTION_CREATE);
  auto* sure = settings.add_duplicate_rules();
  sure->set_reason(Duplicate::REASON_COMPANY_AND_PERSON);
  sure->set_min_confidence(0.9);
  sure->set_action(DuplicateRule::ACTION_ATTACH);
  const auto names = Duplicate::REASON_COMPANY_AND_PERSON;
  EXPECT_EQ(DecideFor(settings, Duplicate::REASON_EMAIL, Lead::CHANNEL_API, "fair"), DuplicateRule::ACTION_CREATE);
  EXPECT_EQ(DecideFor(settings, Duplicate::REASON_EMAIL, Lead::CHANNEL_API), DuplicateRule::ACTION_ATTACH);
  EXPECT_EQ(DecideFor(settings, names, Lead::CHANNEL_API, "", 0.95), DuplicateRule::ACTION_ATTACH);
  EXPECT_EQ(DecideFor(settings, names, Lead::CHANNEL_API, "", 0.7), DuplicateRule::ACTION_FLAG);
  EXPECT_TRUE(CheckRules(settings.duplicate_rules(), "rules").ok());
  settings.add_duplicate_rules();
  EXPECT_EQ(MessageOf(CheckRules(settings.duplicate_rules(), "rules")), "rules[2].action: is required");
}

}  // namespace
}  // namespace embudo::capture::logic
