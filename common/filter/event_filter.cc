#include "common/filter/event_filter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/filter/bind.h"
#include "common/filter/tree.h"
#include "common/text/unicode.h"

namespace embudo::filter {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Event;
using type::v1::Resource;

const FieldDescriptor* EventField(const char* name) { return Event::descriptor()->FindFieldByName(name); }

/// `lead.stage_changed` for EVENT_TYPE_LEAD_STAGE_CHANGED.
std::string TypeText(const google::protobuf::EnumValueDescriptor& value) {
  std::string text = text::ToLower(ShortName(value));
  size_t end_of_resource = text.find('_');
  for (int i = 0; i < Resource::descriptor()->field_count(); ++i) {
    const std::string& resource = Resource::descriptor()->field(i)->name();
    const bool longer = resource.size() > end_of_resource;
    if (longer && text.compare(0, resource.size() + 1, resource + "_") == 0) end_of_resource = resource.size();
  }
  if (end_of_resource != std::string::npos) text[end_of_resource] = '.';
  return text;
}

std::vector<std::string> EventTypes() {
  const auto& types = *type::v1::EventType_descriptor();
  std::vector<std::string> texts;
  for (int i = 1; i < types.value_count(); ++i) texts.push_back(TypeText(*types.value(i)));
  return texts;
}

/// The event's own attributes.
const Schema& Attributes() {
  static const Schema schema = [] {
    Schema attributes(Event::descriptor());
    for (const char* path : {"id", "subject", "time", "partition_key", "actor", "origin", "request_id",
                             "cause.event_id", "cause.rule", "cause.depth"}) {
      attributes.AddInMemory(path);
    }
    attributes.AddInMemory("type", {}, EventTypes());
    return attributes;
  }();
  return schema;
}

/// The records other than leads that events bear, each under its name in Resource.
const std::vector<std::pair<const FieldDescriptor*, Schema>>& OtherRecords() {
  static const auto records = [] {
    std::vector<std::pair<const FieldDescriptor*, Schema>> schemas;
    for (int i = 0; i < Resource::descriptor()->field_count(); ++i) {
      const FieldDescriptor* kind = Resource::descriptor()->field(i);
      if (kind->number() != Resource::kLeadFieldNumber) {
        schemas.emplace_back(kind, Schema::InMemory(kind->message_type()));
      }
    }
    return schemas;
  }();
  return records;
}

Scope EventScope(const Schema& leads) {
  const FieldDescriptor* data = EventField("data");
  const FieldDescriptor* lead = Resource::descriptor()->FindFieldByName("lead");
  Scope scope;
  scope.mounts.push_back({.prefix = "lead.", .schema = &leads, .chain = {data, lead}});
  scope.mounts.push_back({.prefix = "previous.",
                          .schema = &leads,
                          .chain = {data, lead},
                          .previous_chain = Chain{EventField("previous"), lead}});
  scope.changed.push_back(leads.message());
  for (const auto& [kind, schema] : OtherRecords()) {
    scope.mounts.push_back({.prefix = kind->name() + ".", .schema = &schema, .chain = {data, kind}});
    scope.changed.push_back(schema.message());
  }
  scope.mounts.push_back({.prefix = "", .schema = &Attributes()});
  return scope;
}

std::shared_ptr<const Tree> Everything() {
  static const auto everything = std::make_shared<const Tree>();
  return everything;
}

}  // namespace

EventFilter::EventFilter() : tree_(Everything()) {}
EventFilter::EventFilter(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}

absl::StatusOr<EventFilter> EventFilter::Compile(std::string_view text, const Schema& leads, const Resolver& resolver,
                                                 std::string_view field) {
  EMBUDO_ASSIGN_OR_RETURN(auto tree, filter::Compile(text, EventScope(leads), resolver, field));
  return EventFilter(std::move(tree));
}

bool EventFilter::Matches(const Event& event, Time now) const {
  return Evaluate(tree_->root, {.record = event,
                                .previous = event.has_previous() ? &event : nullptr,
                                .changed = &event.changed_fields(),
                                .now = now});
}

bool EventFilter::empty() const { return tree_->empty(); }
const std::string& EventFilter::text() const { return tree_->text; }
const std::set<std::string>& EventFilter::fields() const { return tree_->fields; }

ChangeFilter::ChangeFilter() : tree_(Everything()) {}
ChangeFilter::ChangeFilter(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}

absl::StatusOr<ChangeFilter> ChangeFilter::Compile(std::string_view text, const Schema& schema,
                                                   const Resolver& resolver, std::string_view field) {
  const Scope scope{.mounts = {{.prefix = "previous.", .schema = &schema, .previous_chain = Chain{}},
                               {.prefix = "", .schema = &schema}},
                    .changed = {schema.message()}};
  EMBUDO_ASSIGN_OR_RETURN(auto tree, filter::Compile(text, scope, resolver, field));
  return ChangeFilter(std::move(tree));
}

bool ChangeFilter::Matches(const google::protobuf::Message& record, const google::protobuf::Message* previous,
                           const google::protobuf::FieldMask& changed, Time now) const {
  return Evaluate(tree_->root, {.record = record, .previous = previous, .changed = &changed, .now = now});
}

bool ChangeFilter::empty() const { return tree_->empty(); }
const std::string& ChangeFilter::text() const { return tree_->text; }
const std::set<std::string>& ChangeFilter::fields() const { return tree_->fields; }

}  // namespace embudo::filter
