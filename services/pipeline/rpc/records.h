#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/notification.pb.h"
#include "embudo/type/v1/touch.pb.h"
#include "services/pipeline/logic/lead_rules.h"
#include "services/pipeline/rpc/sight.h"
#include "services/pipeline/rpc/utm_catalog.h"
#include "services/pipeline/storage/catalog_cache.h"

namespace embudo::pipeline::rpc {

/// The service's records: every resource with its rules, on one pool and one writer. What the handlers work on.
class Records {
 public:
  /// `pool` is of the pipeline_rpc role. `on_commit` is called after every commit that wrote events.
  Records(db::Pool& pool, const Clock& clock, std::function<void()> on_commit);

  db::Pool& pool() { return pool_; }
  resource::Writer& writer() { return writer_; }
  storage::CatalogCache& catalogs() { return catalogs_; }
  const Clock& clock() const { return clock_; }

  resource::Resource& tenants() { return tenants_; }
  resource::Resource& pipelines() { return pipelines_; }
  resource::Resource& stages() { return stages_; }
  resource::Resource& teams() { return teams_; }
  resource::Resource& memberships() { return memberships_; }
  resource::Resource& users() { return users_; }
  resource::Resource& tags() { return tags_; }
  resource::Resource& lost_reasons() { return lost_reasons_; }
  resource::Resource& products() { return products_; }
  resource::Resource& contacts() { return contacts_; }
  resource::Resource& leads() { return leads_; }
  resource::Resource& activities() { return activities_; }
  resource::Resource& activity_types() { return activity_types_; }
  resource::Resource& activity_plans() { return activity_plans_; }
  resource::Resource& messages() { return messages_; }
  resource::Resource& attachments() { return attachments_; }
  resource::Resource& approvals() { return approvals_; }
  resource::Resource& notifications() { return notifications_; }
  resource::Resource& quotes() { return quotes_; }
  resource::Resource& orders() { return orders_; }
  resource::Resource& targets() { return targets_; }
  resource::Resource& custom_fields() { return custom_fields_; }
  resource::Resource& exchange_rates() { return exchange_rates_; }
  resource::Resource& campaigns() { return campaigns_; }
  resource::Resource& utm_sources() { return utm_sources_; }
  resource::Resource& utm_mediums() { return utm_mediums_; }
  resource::Resource& touches() { return touches_; }

  /// Runs `body` with what the lead rules need to know of the call's tenant.
  absl::Status WithScene(const embudo::rpc::CallContext& call,
                         const std::function<absl::Status(const logic::Scene&)>& body);
  /// The same for a change that may leave the lead's stage: also with the facts that the exit criteria of its pipeline
  /// ask for. That they still hold when the change is written is seen to by `effects`, unless it is nullptr.
  absl::Status WithSceneOf(const embudo::rpc::CallContext& call, const type::v1::Lead& lead, resource::Effects* effects,
                           const std::function<absl::Status(const logic::Scene&)>& body);
  /// Which leads the caller sees (users.visibility).
  Sight SightOf(const embudo::rpc::CallContext& call);
  /// Whether the caller may see the lead.
  bool MaySee(const embudo::rpc::CallContext& call, const type::v1::Lead& lead);
  /// Whether the caller may be told the event: of what belongs to a lead, by the lead as it is. May ask the database.
  bool MaySeeEvent(const embudo::rpc::CallContext& call, const type::v1::Event& event);
  /// Rules::prepare of leads. `created`: contacts that it may refer to and that are written together with it.
  absl::Status PrepareLead(const embudo::rpc::CallContext& call, type::v1::Lead& lead, const type::v1::Lead* before,
                           const std::vector<const type::v1::Contact*>& created = {});
  /// Whether the caller may change the lead that it sees: PERMISSION_DENIED for one who only follows it.
  absl::Status CheckMayEdit(const embudo::rpc::CallContext& call, const type::v1::Lead& lead);
  /// `leads/{lead}` of a record under a lead.
  static std::string LeadOf(const std::string& name) { return name.substr(0, name.find('/', name.find('/') + 1)); }
  /// What tells a user something about a lead, to be written with the change that it tells of. `subject` is the record
  /// that it is about, `text` a line. The user must be one of the tenant's.
  resource::Change NewNotification(const embudo::rpc::CallContext& call, const std::string& user,
                                   type::v1::Notification::Kind kind, const std::string& lead,
                                   const std::string& subject, const std::string& text);
  /// Adds such a change for each of the users who can be told: neither unknown, nor disabled, nor the caller.
  absl::Status Notify(const embudo::rpc::CallContext& call, const std::set<std::string>& users,
                      type::v1::Notification::Kind kind, const std::string& lead, const std::string& subject,
                      const std::string& text, std::vector<resource::Change>* changes);
  /// The lead of a record to be made under it, which the caller sees and, if it `edits`, may change. The record's name
  /// becomes one under the lead that took this one in, if it was merged.
  absl::StatusOr<type::v1::Lead> PlaceUnderLead(const embudo::rpc::CallContext& call, bool edits,
                                                google::protobuf::Message& record);
  /// ALREADY_EXISTS, naming it, if a message bears the mail's internet_message_id already.
  absl::Status CheckNewMail(const embudo::rpc::CallContext& call, const type::v1::Message& mail);
  /// INVALID_ARGUMENT unless the message's attachments are of its lead.
  absl::Status CheckAttachments(const embudo::rpc::CallContext& call, const type::v1::Message& message,
                                const std::string& field);
  /// Rules of records under a lead: seen by who sees the lead, their events in order with the lead's.
  resource::Rules UnderLead(type::v1::EventType created, type::v1::EventType updated, type::v1::EventType deleted);
  /// Rules of records whose field `lead` names the lead that they belong to: the same, and changed by who may change
  /// that.
  resource::Rules OfLead(type::v1::EventType created, type::v1::EventType updated, type::v1::EventType deleted);

  /// Sees to it that what leads and touches name as source, medium and campaign is in the catalogue; after they were
  /// written, or before.
  absl::Status SeeUtmOf(const embudo::rpc::CallContext& call, const std::vector<const type::v1::Lead*>& leads,
                        const std::vector<const type::v1::Touch*>& touches = {});

 private:
  /// Whether the caller may see every lead.
  bool SeesAll(const embudo::rpc::CallContext& call);
  /// What a message does beside itself: the lead is touched and followed by whom it mentions, who is told of it, as
  /// its followers are.
  absl::Status TellOfMessage(const embudo::rpc::CallContext& call, const type::v1::Message& message,
                             const type::v1::Message* before, resource::Effects& effects);
  resource::Rules ConfigurationRules(type::v1::EventType created, type::v1::EventType updated,
                                     type::v1::EventType deleted,
                                     std::vector<resource::Rules::ReferencedBy> referenced_by);
  resource::Rules PipelineRules();
  resource::Rules StageRules();
  resource::Rules TeamRules();
  resource::Rules MembershipRules();
  resource::Rules ContactRules();
  resource::Rules LeadRules();
  resource::Rules ActivityRules();
  resource::Rules ActivityTypeRules();
  resource::Rules ActivityPlanRules();
  resource::Rules MessageRules();
  resource::Rules AttachmentRules();
  resource::Rules ApprovalRules();
  resource::Rules NotificationRules();
  resource::Rules QuoteRules();
  resource::Rules OrderRules();
  resource::Rules TargetRules();
  resource::Rules CustomFieldRules();
  resource::Rules ExchangeRateRules();
  /// Rules of campaigns, UTM sources and mediums.
  resource::Rules UtmRules(const resource::Table& table, type::v1::EventType created, type::v1::EventType updated,
                           type::v1::EventType deleted);
  resource::Rules TouchRules();
  /// If the touch is the lead's first, and the lead names no source of its own, it takes the touch's.
  absl::Status TakeFirstTouch(const embudo::rpc::CallContext& call, const type::v1::Touch& touch,
                              resource::Effects& effects);
  /// Names of the tenant's records whose field has a value, for filters such as `stage.display_name = "Proposal"`.
  filter::Resolver ResolverOf(const embudo::rpc::CallContext& call);

  db::Pool& pool_;
  const Clock& clock_;
  resource::Writer writer_;
  storage::CatalogCache catalogs_;
  resource::Resource tenants_, pipelines_, stages_, teams_, memberships_, users_, tags_, lost_reasons_, products_,
      contacts_, leads_, activities_, activity_types_, activity_plans_, messages_, attachments_, approvals_,
      notifications_, quotes_, orders_, targets_, custom_fields_, exchange_rates_, campaigns_, utm_sources_,
      utm_mediums_, touches_;
  UtmCatalog utm_;
};

}  // namespace embudo::pipeline::rpc
