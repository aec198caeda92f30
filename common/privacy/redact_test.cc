#include "common/privacy/redact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "embudo/type/v1/event.pb.h"

namespace embudo::privacy {
namespace {

using ::testing::UnorderedElementsAre;
using type::v1::Event;
using type::v1::Lead;

constexpr char kLead[] = "leads/0193b6b0-0000-7000-8000-000000000001";
constexpr char kContact[] = "contacts/0193b6b0-0000-7000-8000-000000000002";

Event EventOf(const std::string& lead, const std::string& email) {
  Event event;
  event.set_subject(lead);
  Lead& after = *event.mutable_data()->mutable_lead();
  after.set_name(lead);
  after.set_display_name("Moses Frase wants 3");
  after.set_email(email);
  after.set_stage("pipelines/default/stages/new");
  event.mutable_previous()->mutable_lead()->set_name(lead);
  event.mutable_previous()->mutable_lead()->set_phone("+1 555 0100");
  return event;
}

TEST(RedactTest, TakesThePersonOutOfAnEventAndLeavesTheRest) {
  Event event = EventOf(kLead, "moses@example.com");
  ASSERT_TRUE(RedactIn({{kLead}, {}}, &event));
  EXPECT_EQ(event.data().lead().display_name(), kErased);
  EXPECT_EQ(event.data().lead().email(), "");
  EXPECT_EQ(event.data().lead().stage(), "pipelines/default/stages/new");
  EXPECT_EQ(event.previous().lead().phone(), "");
  EXPECT_EQ(event.subject(), kLead);
  EXPECT_FALSE(RedactIn({{kLead}, {}}, &event));
}

TEST(RedactTest, AnothersRecordStays) {
  const Event before = EventOf(kLead, "ana@example.com");
  Event event = before;
  EXPECT_FALSE(RedactIn({{kContact}, {"moses@example.com"}}, &event));
  EXPECT_EQ(event.SerializeAsString(), before.SerializeAsString());
}

TEST(RedactTest, APersonIsKnownByAddressContactAndLead) {
  const Person person{{kLead, kContact}, {"moses@example.com"}};
  Lead lead;
  lead.set_email("moses@example.com");
  EXPECT_TRUE(person.Has(lead));
  lead.set_email("");
  lead.set_contact(kContact);
  EXPECT_TRUE(person.Has(lead));
  type::v1::Message message;
  message.set_name(std::string(kLead) + "/messages/1");
  EXPECT_TRUE(person.Has(message));
  message.set_name("leads/2/messages/1");
  EXPECT_FALSE(person.Has(message));
  message.add_cc_addresses("Moses <Moses@Example.com>");
  EXPECT_TRUE(person.Has(message));
}

TEST(RedactTest, MarksAreWhatEveryMessageOfThePersonHolds) {
  const Person person{{"leads/1", "contacts/2", "leads/3/messages/4", "leads/1/messages/5"}, {"a@b.c"}};
  EXPECT_THAT(person.Marks(), UnorderedElementsAre("a@b.c", "1", "2", "4"));
}

}  // namespace
}  // namespace embudo::privacy
