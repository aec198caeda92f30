#include "tools/cli/fields.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using type::v1::Lead;

TEST(SetFieldsTest, ReadsEveryKindOfField) {
  Lead lead;
  google::protobuf::FieldMask mask;
  const absl::Status status =
      SetFields(lead,
                {"display_name=A = B", "headcount=250", "recurring_months=12", "probability=33.5", "archived=true",
                 "kind=OPPORTUNITY", "expected_revenue=1234.5 EUR", "expected_close_date=2026-12-24",
                 "open_time=2026-01-02T03:04:05Z", "tags=tags/a,tags/b", "custom_fields.region=north",
                 "custom_fields.size=5", "custom_fields.code=\"007\""},
                &mask);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(lead.display_name(), "A = B");
  EXPECT_EQ(lead.headcount(), 250);
  EXPECT_EQ(lead.recurring_months(), 12);
  EXPECT_EQ(lead.probability(), 33.5);
  EXPECT_TRUE(lead.archived());
  EXPECT_EQ(lead.kind(), Lead::KIND_OPPORTUNITY);
  EXPECT_EQ(lead.expected_revenue().currency_code(), "EUR");
  EXPECT_EQ(lead.expected_revenue().units(), 1234);
  EXPECT_EQ(lead.expected_revenue().nanos(), 500'000'000);
  EXPECT_EQ(lead.expected_close_date().month(), 12);
  EXPECT_EQ(lead.open_time().seconds(), 1767323045);
  EXPECT_THAT(lead.tags(), ElementsAre("tags/a", "tags/b"));
  EXPECT_EQ(lead.custom_fields().at("region").string_value(), "north");
  EXPECT_EQ(lead.custom_fields().at("size").number_value(), 5);
  EXPECT_EQ(lead.custom_fields().at("code").string_value(), "007");
  EXPECT_EQ(mask.paths_size(), 13);
  EXPECT_EQ(mask.paths(10), "custom_fields.region");
}

TEST(SetFieldsTest, AnEmptyTextClears) {
  Lead lead;
  lead.set_email("a@b.c");
  google::protobuf::FieldMask mask;
  ASSERT_TRUE(SetFields(lead, {"email="}, &mask).ok());
  EXPECT_EQ(lead.email(), "");
  EXPECT_THAT(mask.paths(), ElementsAre("email"));
}

TEST(SetFieldsTest, NamesTheWrongField) {
  for (const char* wrong : {"emial=x", "headcount=many", "archived=yes", "kind=DEAL", "external_ids=x", "budget=lots",
                            "expected_close_date=tomorrow", "email"}) {
    Lead lead;
    const absl::Status status = SetFields(lead, {wrong}, nullptr);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_THAT(MessageOf(status), HasSubstr(std::string(wrong).substr(0, std::string_view(wrong).find('='))));
  }
  Lead lead;
  EXPECT_THAT(MessageOf(SetFields(lead, {"emial=x"}, nullptr)), HasSubstr("emial"));
}

}  // namespace
}  // namespace embudo::cli
