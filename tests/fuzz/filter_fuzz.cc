#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/filter/event_filter.h"
#include "common/filter/filter.h"
#include "common/filter/literal.h"
#include "common/filter/order_by.h"
#include "embudo/type/v1/event.pb.h"

namespace {

using embudo::filter::ChangeFilter;
using embudo::filter::EventFilter;
using embudo::filter::Filter;
using embudo::filter::Schema;
using embudo::type::v1::Event;
using embudo::type::v1::Lead;

void Require(bool condition) {
  if (!condition) std::abort();
}

const Schema& Leads() {
  static const Schema schema = [] {
    Schema leads(Lead::descriptor());
    for (const char* path : {"display_name", "email", "state", "archived", "headcount", "probability", "create_time",
                             "expected_revenue", "decision_date", "tags", "checklist", "custom_fields"}) {
      leads.AddField(path, std::string("l.") + path);
    }
    leads.AddReference("stage", {"l.pipeline_id", "l.stage_id"});
    leads.AddReference("contact", {"l.contact_id"}, {.uuid_ids = true});
    return leads;
  }();
  return schema;
}

Event AnEvent() {
  Event event;
  event.set_type("lead.stage_changed");
  Lead& lead = *event.mutable_data()->mutable_lead();
  lead.set_display_name("Fleet renewal");
  lead.set_email("ada@acme.com");
  lead.set_state(Lead::STATE_WON);
  lead.set_headcount(120);
  lead.set_stage("pipelines/b2b/stages/won");
  lead.mutable_expected_revenue()->set_units(10000);
  lead.mutable_create_time()->set_seconds(1'790'000'000);
  lead.mutable_decision_date()->set_year(2026);
  lead.add_tags("tags/churn");
  (*lead.mutable_custom_fields())["region"].set_string_value("EMEA");
  (*lead.mutable_custom_fields())["seats"].set_number_value(5);
  event.mutable_previous()->mutable_lead()->set_stage("pipelines/b2b/stages/new");
  event.mutable_changed_fields()->add_paths("stage");
  return event;
}

/// Parameters are numbered without gaps, and no text of the filter is in the clause but by them.
void CheckSql(const embudo::filter::Sql& sql) {
  for (size_t i = 1; i <= sql.parameters.size(); ++i) {
    Require(sql.clause.find("$" + std::to_string(i)) != std::string::npos);
  }
  Require(sql.clause.find('$' + std::to_string(sql.parameters.size() + 1)) == std::string::npos);
  for (const char c : sql.clause) Require(c >= ' ' && c <= '~' && c != ';' && c != '\\');
}

}  // namespace

/// Any bytes as a filter: no crash, and NOT of it is its opposite.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Event event = AnEvent();
  static const embudo::Time now = embudo::FromTimestamp(event.data().lead().create_time());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto resolver = [](const std::string& type, const std::string&, const std::string&) {
    const bool stage = type == "embudo.dev/Stage";
    return std::vector<std::string>(stage ? 2 : 0, "pipelines/b2b/stages/won");
  };

  if (const auto filter = Filter::Compile(text, Leads(), resolver); filter.ok()) {
    CheckSql(filter->ToSql(1, now));
    const auto negation = Filter::Compile("NOT (" + std::string(text) + ")", Leads(), resolver);
    if (negation.ok()) {
      const Lead& lead = event.data().lead();
      Require(filter->Matches(lead, now) != negation->Matches(lead, now));
      CheckSql(negation->ToSql(1, now));
    }
  }
  if (const auto filter = EventFilter::Compile(text, Leads(), resolver); filter.ok()) {
    filter->Matches(event, now);
    filter->Matches(Event(), now);
  }
  if (const auto filter = ChangeFilter::Compile(text, Leads(), resolver); filter.ok()) {
    filter->Matches(event.data().lead(), &event.previous().lead(), event.changed_fields(), now);
  }
  (void)embudo::filter::ParseOrderBy(text, Leads());
  return 0;
}
