#include "common/filter/order_by.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::filter {
namespace {

const Schema& Leads() {
  static const Schema schema = [] {
    Schema leads(type::v1::Lead::descriptor());
    for (const char* path : {"expected_revenue", "create_time", "state", "archived", "score", "priority", "probability",
                             "display_name", "decision_date", "email", "phone", "tags", "custom_fields", "checklist"}) {
      leads.AddField(path, std::string("l.") + path);
    }
    leads.AddReference("stage", {"l.pipeline_id", "l.stage_id"})
        .AddReference("owner", {"l.owner_id"})
        .AddReference("contact", {"l.contact_id"}, {.uuid_ids = true});
    return leads;
  }();
  return schema;
}

/// `expected_revenue- create_time+`, or the message of the error.
std::string ToText(std::string_view text) {
  const auto terms = ParseOrderBy(text, Leads());
  if (!terms.ok()) return MessageOf(terms.status());
  std::string out;
  for (const OrderTerm& term : *terms)
    out += (out.empty() ? "" : " ") + term.field->path + (term.descending ? "-" : "+");
  return out;
}

TEST(OrderBy, ReadsFieldsAndDirections) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"  ", ""},
      {"create_time", "create_time+"},
      {"expected_revenue desc, create_time", "expected_revenue- create_time+"},
      {"expected_revenue desc,create_time asc", "expected_revenue- create_time+"},
      {" owner  desc ", "owner-"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(ToText(text), want) << text;
}

TEST(OrderBy, TellsWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"creat_time", "order_by, character 1: unknown field \"creat_time\"; did you mean \"create_time\"?"},
      {"score, ", "order_by, character 8: expected a field"},
      {",score", "order_by, character 1: expected a field"},
      {"'score'", "order_by, character 1: expected a field"},
      {"score down", "order_by, character 7: expected asc, desc, \",\" or the end"},
      {"score desc desc", "order_by, character 12: expected asc, desc, \",\" or the end"},
      {"score, score desc", "order_by, character 8: score is there twice"},
      {"tags", "order_by, character 1: tags has no order"},
      {"checklist", "order_by, character 1: checklist has no order"},
      {"custom_fields", "order_by, character 1: custom_fields has no order"},
      {"stage", "order_by, character 1: stage has no order"},
      {"contact", "order_by, character 1: contact has no order"},
      {"expected_revenue, create_time, state, archived, score, priority, probability, display_name, decision_date, "
       "email, phone",
       "order_by, character 115: more than 10 fields"},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(ToText(text), want) << text;
  const auto error = ParseOrderBy("x", Leads(), "sort");
  EXPECT_EQ(ReasonOf(error.status()), "INVALID_ORDER_BY");
  EXPECT_EQ(MessageOf(error.status()), "sort, character 1: unknown field \"x\"");
  EXPECT_EQ(ToText(std::string(501, ' ')), "order_by, character 1: the text is longer than 500 characters");
}

}  // namespace
}  // namespace embudo::filter
