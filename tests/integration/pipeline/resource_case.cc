#include "tests/integration/pipeline/resource_case.h"

#include <algorithm>
#include <atomic>

#include "common/base/ids.h"
#include "common/resource/table.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"

namespace embudo::testing {
namespace {

using google::protobuf::Message;
using resource::SetText;
using type::v1::Lead;

std::string NewUuid() { return Uuid::V7(Clock::System().Now()).ToString(); }

template <class Request, class Record>
std::string Make(const Caller& caller, const Request& request) {
  return caller.Must<Record>(request).name();
}

std::string MakePipeline(const Caller& caller) {
  pipeline::v1::CreatePipelineRequest request;
  request.mutable_pipeline()->set_display_name("Partners");
  return Make<pipeline::v1::CreatePipelineRequest, type::v1::Pipeline>(caller, request);
}
std::string MakeTeam(const Caller& caller, const std::function<void(type::v1::Team&)>& change = {}) {
  pipeline::v1::CreateTeamRequest request;
  request.mutable_team()->set_display_name("South");
  if (change) change(*request.mutable_team());
  return Make<pipeline::v1::CreateTeamRequest, type::v1::Team>(caller, request);
}
std::string MakeUser(const Caller& caller) {
  pipeline::v1::CreateUserRequest request;
  request.mutable_user()->set_display_name("Ana");
  return Make<pipeline::v1::CreateUserRequest, type::v1::User>(caller, request);
}
std::string MakeLead(const Caller& caller, const std::function<void(Lead&)>& change = {}) {
  pipeline::v1::CreateLeadRequest request;
  request.mutable_lead()->set_display_name("A deal");
  if (change) change(*request.mutable_lead());
  return Make<pipeline::v1::CreateLeadRequest, Lead>(caller, request);
}
void MakeMembership(const Caller& caller, const std::string& team, const std::string& user) {
  pipeline::v1::CreateMembershipRequest request;
  request.set_parent(team);
  request.mutable_membership()->set_user(user);
  caller.Must<type::v1::Membership>(request);
}
void MakeContact(const Caller& caller, const std::string& company) {
  pipeline::v1::CreateContactRequest request;
  request.mutable_contact()->set_display_name("Ana");
  request.mutable_contact()->set_company(company);
  caller.Must<type::v1::Contact>(request);
}
void MakeLostLead(const Caller& caller, const std::string& reason) {
  pipeline::v1::LoseLeadRequest request;
  request.set_name(MakeLead(caller));
  request.set_lost_reason(reason);
  caller.Must<Lead>(request);
}

std::string MakeActivityType(const Caller& caller, const std::function<void(type::v1::ActivityType&)>& change = {}) {
  pipeline::v1::CreateActivityTypeRequest request;
  request.mutable_activity_type()->set_display_name("Visit");
  if (change) change(*request.mutable_activity_type());
  return Make<pipeline::v1::CreateActivityTypeRequest, type::v1::ActivityType>(caller, request);
}
void MakePlan(const Caller& caller, const std::string& activity_type) {
  pipeline::v1::CreateActivityPlanRequest request;
  request.mutable_activity_plan()->set_display_name("Onboarding");
  request.mutable_activity_plan()->add_steps()->set_activity_type(activity_type);
  caller.Must<type::v1::ActivityPlan>(request);
}
void MakeActivity(const Caller& caller, const std::string& activity_type) {
  pipeline::v1::CreateActivityRequest request;
  request.set_parent(MakeLead(caller));
  request.mutable_activity()->set_summary("Call");
  request.mutable_activity()->set_activity_type(activity_type);
  caller.Must<type::v1::Activity>(request);
}

void DisplayName(const Caller&, Message& record) { SetText(&record, "display_name", "Some " + NewUuid()); }

ResourceCase::Referrer ByLead(void (Lead::*set)(const std::string&)) {
  return {"leads", [set](const Caller& caller, const std::string& name) {
            MakeLead(caller, [&](Lead& lead) { (lead.*set)(name); });
          }};
}

void MakeTarget(const Caller& caller, const std::string& team, const std::string& user) {
  pipeline::v1::CreateTargetRequest request;
  request.mutable_target()->set_team(team);
  request.mutable_target()->set_user(user);
  request.mutable_target()->set_period(type::v1::Target::PERIOD_MONTH);
  *request.mutable_target()->mutable_start_date() = ToDate(Day(std::chrono::days(20454)));  // 2026-01-01
  request.mutable_target()->mutable_amount()->set_units(1000);
  caller.Must<type::v1::Target>(request);
}

/// A day that no other record has.
google::type::Date FreshDay() {
  static std::atomic<int> days{0};
  return ToDate(Day(std::chrono::days(++days)));
}

void AddMoneyCases(std::vector<ResourceCase>* cases) {
  cases->push_back({"CustomField",
                    "CustomFields",
                    "custom_field",
                    "custom_field",
                    {},
                    [](const Caller& caller, Message& record) {
                      DisplayName(caller, record);
                      auto& field = static_cast<type::v1::CustomField&>(record);
                      std::string key = "k" + NewUuid();
                      std::replace(key.begin(), key.end(), '-', '_');
                      field.set_key(key);
                      field.set_type(type::v1::CustomField::TYPE_NUMBER);
                    },
                    "display_name",
                    false,
                    {}});
  cases->push_back({"ExchangeRate",
                    "ExchangeRates",
                    "exchange_rate",
                    "exchange_rate",
                    {},
                    [](const Caller&, Message& record) {
                      auto& rate = static_cast<type::v1::ExchangeRate&>(record);
                      rate.set_currency_code("EUR");
                      *rate.mutable_start_date() = FreshDay();
                      rate.set_rate("1.25");
                    },
                    "rate",
                    false,
                    {}});
}

/// A reader of the log, which the log does not tell of.
ResourceCase SubscriptionCase() {
  return {"Subscription",
          "Subscriptions",
          "subscription",
          "",
          {},
          [](const Caller& caller, Message& record) {
            DisplayName(caller, record);
            static_cast<type::v1::Subscription&>(record).set_start(type::v1::Subscription::START_LATEST);
          },
          "display_name",
          false,
          {}};
}

std::vector<ResourceCase> MakeCases() {
  using Setter = void (Lead::*)(const std::string&);
  std::vector<ResourceCase> cases;
  cases.push_back({"Pipeline",
                   "Pipelines",
                   "pipeline",
                   "pipeline",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {{"teams",
                     [](const Caller& caller, const std::string& name) {
                       MakeTeam(caller, [&](type::v1::Team& team) { team.set_pipeline(name); });
                     }},
                    {"stages", [](const Caller& caller, const std::string& name) {
                       pipeline::v1::CreateStageRequest request;
                       request.set_parent(name);
                       request.mutable_stage()->set_display_name("First");
                       caller.Must<type::v1::Stage>(request);
                     }}}});
  cases.push_back({"Stage",
                   "Stages",
                   "stage",
                   "stage",
                   MakePipeline,
                   DisplayName,
                   "display_name",
                   false,
                   {ByLead(static_cast<Setter>(&Lead::set_stage))}});
  cases.push_back({"Team",
                   "Teams",
                   "team",
                   "team",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {ByLead(static_cast<Setter>(&Lead::set_team)),
                    {"memberships", [](const Caller& caller,
                                       const std::string& name) { MakeMembership(caller, name, MakeUser(caller)); }},
                    {"targets", [](const Caller& caller, const std::string& name) { MakeTarget(caller, name, ""); }},
                    {"teams", [](const Caller& caller, const std::string& name) {
                       MakeTeam(caller, [&](type::v1::Team& team) { team.set_parent(name); });
                     }}}});
  cases.push_back({"Membership",
                   "Memberships",
                   "membership",
                   "membership",
                   [](const Caller& caller) { return MakeTeam(caller); },
                   [](const Caller& caller, Message& record) { SetText(&record, "user", MakeUser(caller)); },
                   "assignment_filter",
                   false,
                   {}});
  cases.push_back(
      {"User",
       "Users",
       "user",
       "user",
       {},
       DisplayName,
       "display_name",
       false,
       {ByLead(static_cast<Setter>(&Lead::set_owner)),
        {"memberships",
         [](const Caller& caller, const std::string& name) { MakeMembership(caller, MakeTeam(caller), name); }},
        {"leads", [](const Caller& caller,
                     const std::string& name) { MakeLead(caller, [&](Lead& lead) { lead.add_collaborators(name); }); }},
        {"targets", [](const Caller& caller, const std::string& name) { MakeTarget(caller, "", name); }},
        {"teams", [](const Caller& caller, const std::string& name) {
           MakeTeam(caller, [&](type::v1::Team& team) { team.set_manager(name); });
         }}}});
  cases.push_back({"Tag",
                   "Tags",
                   "tag",
                   "tag",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {{"leads", [](const Caller& caller, const std::string& name) {
                       MakeLead(caller, [&](Lead& lead) { lead.add_tags(name); });
                     }}}});
  cases.push_back({"Campaign", "Campaigns", "campaign", "campaign", {}, DisplayName, "display_name", false, {}});
  cases.push_back({"UtmSource", "UtmSources", "utm_source", "utm_source", {}, DisplayName, "display_name", false, {}});
  cases.push_back({"UtmMedium", "UtmMediums", "utm_medium", "utm_medium", {}, DisplayName, "display_name", false, {}});
  cases.push_back({"LostReason",
                   "LostReasons",
                   "lost_reason",
                   "lost_reason",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {{"leads", MakeLostLead}}});
  cases.push_back({"Product",
                   "Products",
                   "product",
                   "product",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {{"leads", [](const Caller& caller, const std::string& name) {
                       MakeLead(caller, [&](Lead& lead) { lead.add_products(name); });
                     }}}});
  cases.push_back({"Contact",
                   "Contacts",
                   "contact",
                   "contact",
                   {},
                   [](const Caller& caller, Message& record) {
                     DisplayName(caller, record);
                     static_cast<type::v1::Contact&>(record).set_kind(type::v1::Contact::KIND_COMPANY);
                   },
                   "display_name",
                   true,
                   {ByLead(static_cast<Setter>(&Lead::set_contact)),
                    ByLead(static_cast<Setter>(&Lead::set_company)),
                    {"contacts", MakeContact}}});
  cases.push_back({"Lead", "Leads", "lead", "lead", {}, DisplayName, "display_name", true, {}});
  cases.push_back({"Activity",
                   "Activities",
                   "activity",
                   "activity",
                   [](const Caller& caller) { return MakeLead(caller); },
                   [](const Caller&, Message& record) {
                     auto& activity = static_cast<type::v1::Activity&>(record);
                     activity.set_summary("Call");
                     activity.mutable_due_date()->set_year(2026);
                     activity.mutable_due_date()->set_month(7);
                     activity.mutable_due_date()->set_day(1);
                   },
                   "summary",
                   true,
                   {}});
  cases.push_back({"Message",
                   "Messages",
                   "message",
                   "message",
                   [](const Caller& caller) { return MakeLead(caller); },
                   [](const Caller&, Message& record) {
                     auto& note = static_cast<type::v1::Message&>(record);
                     note.set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
                     note.set_body("Called back");
                   },
                   "body",
                   true,
                   {}});
  cases.push_back({"ActivityType",
                   "ActivityTypes",
                   "activity_type",
                   "activity_type",
                   {},
                   DisplayName,
                   "display_name",
                   false,
                   {{"activities", MakeActivity},
                    {"activity plans", [](const Caller& caller, const std::string& name) { MakePlan(caller, name); }},
                    {"activity types", [](const Caller& caller, const std::string& name) {
                       MakeActivityType(caller, [&](type::v1::ActivityType& other) { other.set_triggered_type(name); });
                     }}}});
  cases.push_back({"ActivityPlan",
                   "ActivityPlans",
                   "activity_plan",
                   "activity_plan",
                   {},
                   [](const Caller& caller, Message& record) {
                     DisplayName(caller, record);
                     auto& plan = static_cast<type::v1::ActivityPlan&>(record);
                     plan.add_steps()->set_activity_type(MakeActivityType(caller));
                   },
                   "display_name",
                   false,
                   {{"activities", [](const Caller& caller, const std::string& name) {
                       pipeline::v1::LaunchActivityPlanRequest request;
                       request.set_name(name);
                       request.add_leads(MakeLead(caller));
                       caller.Must<pipeline::v1::LaunchActivityPlanResponse>(request);
                     }}}});
  cases.push_back({"Quote",
                   "Quotes",
                   "quote",
                   "quote",
                   {},
                   [](const Caller& caller, Message& record) {
                     auto& quote = static_cast<type::v1::Quote&>(record);
                     quote.set_lead(MakeLead(caller));
                     quote.set_customer_name("Acme");
                   },
                   "customer_name",
                   true,
                   {}});
  AddMoneyCases(&cases);
  cases.push_back(SubscriptionCase());
  return cases;
}

}  // namespace

const std::vector<ResourceCase>& PipelineResources() {
  static const auto& cases = *new std::vector<ResourceCase>(MakeCases());
  return cases;
}

void PrintTo(const ResourceCase& resource, std::ostream* out) { *out << resource.type; }

MessagePtr Standard::NewRequest(const std::string& method) const {
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("embudo.pipeline.v1." +
                                                                                               method + "Request");
  return MessagePtr(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

void Standard::Set(Message& request, const Extra& extra) {
  const auto flag = [&](const char* name, bool value) {
    const auto* field = request.GetDescriptor()->FindFieldByName(name);
    if (value) request.GetReflection()->SetBool(&request, field, true);
  };
  if (!extra.request_id.empty()) SetText(&request, "request_id", extra.request_id);
  flag("validate_only", extra.validate_only);
  flag("allow_missing", extra.allow_missing);
  flag("show_deleted", extra.show_deleted);
}

absl::StatusOr<MessagePtr> Standard::Call(const Message& request) const {
  const std::string method = Caller::MethodOf(request);
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      method.substr(0, method.find('/')) + "." + method.substr(method.find('/') + 1));
  MessagePtr response(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor->output_type())->New());
  EMBUDO_RETURN_IF_ERROR(caller_.CallAny(request, response.get()));
  return response;
}

MessagePtr Standard::Fill() const {
  const auto request = NewRequest("Create" + resource_.type);
  const auto* field = request->GetDescriptor()->FindFieldByName(resource_.body);
  Message* record = request->GetReflection()->MutableMessage(request.get(), field);
  resource_.fill(caller_, *record);
  return MessagePtr(request->GetReflection()->ReleaseMessage(request.get(), field));
}

std::string Standard::NewId() const {
  const std::string uuid = NewUuid();
  return resource_.uuid ? uuid : "r" + uuid;
}

absl::StatusOr<MessagePtr> Standard::Create(const std::string& parent, const Message& record, const std::string& id,
                                            const Extra& extra) const {
  const auto request = NewRequest("Create" + resource_.type);
  const auto* field = request->GetDescriptor()->FindFieldByName(resource_.body);
  request->GetReflection()->MutableMessage(request.get(), field)->CopyFrom(record);
  SetText(request.get(), "parent", parent);
  SetText(request.get(), (resource_.body + "_id").c_str(), id);
  Set(*request, extra);
  return Call(*request);
}

absl::StatusOr<MessagePtr> Standard::Get(const std::string& name) const {
  const auto request = NewRequest("Get" + resource_.type);
  SetText(request.get(), "name", name);
  return Call(*request);
}

std::vector<std::string> Standard::List(const std::string& parent, const Extra& extra) const {
  const auto request = NewRequest("List" + resource_.plural);
  SetText(request.get(), "parent", parent);
  Set(*request, extra);
  const absl::StatusOr<MessagePtr> response = Call(*request);
  EXPECT_TRUE(response.ok()) << response.status();
  std::vector<std::string> names;
  if (!response.ok()) return names;
  const Message& page = **response;
  const auto* items = page.GetDescriptor()->field(0);
  for (int i = 0; i < page.GetReflection()->FieldSize(page, items); ++i) {
    names.push_back(resource::NameOf(page.GetReflection()->GetRepeatedMessage(page, items, i)));
  }
  return names;
}

absl::StatusOr<MessagePtr> Standard::Update(const Message& record, const std::vector<std::string>& mask,
                                            const Extra& extra) const {
  const auto request = NewRequest("Update" + resource_.type);
  const auto* field = request->GetDescriptor()->FindFieldByName(resource_.body);
  Message* body = request->GetReflection()->MutableMessage(request.get(), field);
  body->CopyFrom(record);
  SetText(body, "etag", extra.etag);
  for (const std::string& path : mask) {
    auto* paths = request->GetReflection()->MutableMessage(request.get(),
                                                           request->GetDescriptor()->FindFieldByName("update_mask"));
    paths->GetReflection()->AddString(paths, paths->GetDescriptor()->FindFieldByName("paths"), path);
  }
  Set(*request, extra);
  return Call(*request);
}

absl::StatusOr<MessagePtr> Standard::Delete(const std::string& name, const Extra& extra) const {
  const auto request = NewRequest("Delete" + resource_.type);
  SetText(request.get(), "name", name);
  SetText(request.get(), "etag", extra.etag);
  Set(*request, extra);
  return Call(*request);
}

}  // namespace embudo::testing
