// What imports bring of leads: activities, messages, and the stages that they have been in.

#include <algorithm>
#include <map>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/rpc/activity_effects.h"
#include "services/pipeline/rpc/imported_records.h"
#include "services/pipeline/storage/import_journal.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Change;
using type::v1::Activity;
using type::v1::ExternalId;
using type::v1::Lead;
using v1::BulkResult;

using Ids = google::protobuf::RepeatedPtrField<ExternalId>;

void Refuse(const absl::Status& status, BulkResult* result) {
  result->set_outcome(BulkResult::OUTCOME_REFUSED);
  *result->mutable_error() = ToRpcStatus(status);
}

absl::Status NothingFound(const Ids& about) {
  std::string list;
  for (const ExternalId& id : about) list += (list.empty() ? "" : ", ") + id.system() + " " + id.id();
  return Error(absl::StatusCode::kNotFound, "ASSOCIATION_NOT_FOUND", "there is no lead of " + list).Meta("ids", list);
}

/// For each item the lead that it is about, empty if there is none: the first of its ids that a lead has, else the
/// newest lead of the first that a contact has.
absl::StatusOr<std::vector<std::string>> LeadsOf(Records& records, const CallContext& call,
                                                 const std::vector<const Ids*>& items) {
  std::vector<std::string> numbers;
  std::vector<std::string> systems;
  std::vector<std::string> ids;
  for (size_t i = 0; i < items.size(); ++i) {
    for (const ExternalId& id : *items[i]) {
      numbers.push_back(std::to_string(i));
      systems.push_back(id.system());
      ids.push_back(id.id());
    }
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "WITH k AS (SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY"
               " AS k (item, system, id, ord)), found AS ("
               "SELECT k.item, 0 AS rank, k.ord, coalesce(l.merged_into_id, l.lead_id) AS lead_id FROM k"
               " JOIN pipeline.lead_external_id x ON x.tenant_id = $1 AND x.system = k.system AND x.external_id = k.id"
               " JOIN pipeline.lead l ON l.tenant_id = $1 AND l.lead_id = x.lead_id"
               " WHERE l.delete_time IS NULL OR l.merged_into_id IS NOT NULL"
               " UNION ALL SELECT k.item, 1, k.ord, n.lead_id FROM k JOIN pipeline.contact_external_id x"
               " ON x.tenant_id = $1 AND x.system = k.system AND x.external_id = k.id CROSS JOIN LATERAL ("
               "SELECT o.lead_id FROM ((SELECT lead_id, create_time FROM pipeline.lead l WHERE l.tenant_id = $1"
               " AND l.contact_id = x.contact_id AND l.delete_time IS NULL AND l.merged_into_id IS NULL"
               " ORDER BY create_time DESC LIMIT 1) UNION ALL (SELECT lead_id, create_time FROM pipeline.lead l"
               " WHERE l.tenant_id = $1 AND l.company_id = x.contact_id AND l.delete_time IS NULL"
               " AND l.merged_into_id IS NULL ORDER BY create_time DESC LIMIT 1)) o"
               " ORDER BY o.create_time DESC LIMIT 1) n)"
               " SELECT DISTINCT ON (item) item, lead_id FROM found ORDER BY item, rank, ord",
               db::Params::Of(call.tenant(), numbers, systems, ids)));
  std::vector<std::string> leads(items.size());
  for (int i = 0; i < rows.size(); ++i) {
    leads[static_cast<size_t>(rows[i].Int(0))] = "leads/" + std::string(rows[i].Text(1));
  }
  return leads;
}

/// The id of a record that another system calls so: the same however often it is imported.
std::string IdFor(const CallContext& call, const char* kind, const ExternalId& id) {
  const std::string text = call.tenant() + "\n" + kind + "\n" + id.system() + "\n" + id.id();
  return Uuid::V5(EmbudoUuidSpace(), text).ToString();
}

/// Those of these records under leads that are there, deleted ones too.
absl::StatusOr<std::map<std::string, resource::Record>> FindByName(Records& records, const CallContext& call,
                                                                   const resource::Table& table,
                                                                   const std::vector<std::string>& names) {
  std::vector<std::string> leads;
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    leads.push_back(IdOf(Records::LeadOf(name)));
    ids.push_back(IdOf(name));
  }
  const std::string& key = table.key_columns().back();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "SELECT " + table.SelectList("t") + " FROM unnest($2::uuid[], $3::uuid[]) AS k (lead_id, id) JOIN " +
                   table.name() + " t ON t.tenant_id = $1 AND t.lead_id = k.lead_id AND t." + key + " = k.id",
               db::Params::Of(call.tenant(), leads, ids)));
  std::map<std::string, resource::Record> found;
  for (int i = 0; i < rows.size(); ++i) {
    resource::Record record = table.Read(rows[i]);
    const std::string name = resource::NameOf(*record.message);
    found.emplace(name, std::move(record));
  }
  return found;
}

/// Changes of items, written together, and alone where that fails.
class Batch {
 public:
  explicit Batch(Imported& work) : work_(work) {}

  void Add(Change change, BulkResult* result) {
    result->set_name(resource::NameOf(*change.after.message));
    result->set_outcome(change.previous == nullptr ? BulkResult::OUTCOME_CREATED : BulkResult::OUTCOME_UPDATED);
    changes_.push_back(std::move(change));
    results_.push_back(result);
  }

  void Write() {
    if (changes_.empty() || work_.request.validate_only() || WriteAll(changes_).ok()) return;
    for (size_t i = 0; i < changes_.size(); ++i) {
      std::vector<Change> alone;
      alone.push_back(std::move(changes_[i]));
      const absl::Status status = WriteAll(alone);
      if (!status.ok()) Refuse(status, results_[i]);
    }
  }

 private:
  absl::Status WriteAll(const std::vector<Change>& changes) {
    return work_.records.writer().WriteAll(
        work_.call.tenant(), changes, work_.call.deadline,
        [&](db::Connection& connection) { return work_.Journal()(connection, changes); });
  }

  Imported& work_;
  std::vector<Change> changes_;
  std::vector<BulkResult*> results_;
};

/// What the two kinds have in common: finds each item's lead and its record, and lets `make` build what is new and
/// `change` what is there.
template <class Record, class Items, class Make, class Update>
absl::Status Upsert(Imported& work, const resource::Resource& resource, const char* kind, const char* collection,
                    const Items& items, type::v1::EventType updated, Make make, Update update) {
  std::vector<const Ids*> about;
  for (const auto& item : items) about.push_back(&item.about());
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> leads, LeadsOf(work.records, work.call, about));
  std::vector<std::string> names(leads.size());
  std::vector<std::string> wanted;
  for (size_t i = 0; i < leads.size(); ++i) {
    work.response.add_results();
    work.response.add_matched(false);
    if (leads[i].empty()) continue;
    names[i] = leads[i] + collection + IdFor(work.call, kind, items[static_cast<int>(i)].id());
    wanted.push_back(names[i]);
  }
  EMBUDO_ASSIGN_OR_RETURN(auto found, FindByName(work.records, work.call, resource.table(), wanted));
  std::set<std::string> seen;
  Batch batch(work);
  for (int i = 0; i < items.size(); ++i) {
    BulkResult* result = work.response.mutable_results(i);
    const std::string& name = names[static_cast<size_t>(i)];
    if (name.empty()) {
      Refuse(NothingFound(items[i].about()), result);
      continue;
    }
    if (!seen.insert(name).second) {
      Refuse(Error(absl::StatusCode::kInvalidArgument, "DUPLICATE_RECORD_ID", "its id stands above already"), result);
      continue;
    }
    const auto before = found.find(name);
    if (before == found.end()) {
      absl::StatusOr<std::unique_ptr<Record>> record = make(items[i], name);
      if (!record.ok()) {
        Refuse(record.status(), result);
        continue;
      }
      batch.Add(resource.NewPreparedChange(work.call, *std::move(record), v1::GetActivityRequest()), result);
      continue;
    }
    auto after = std::make_unique<Record>(static_cast<const Record&>(*before->second.message));
    update(items[i], *after);
    std::optional<Change> change = resource.ChangeOf(work.call, before->second, std::move(after), updated);
    if (change) {
      batch.Add(*std::move(change), result);
    } else {
      result->set_outcome(BulkResult::OUTCOME_UNCHANGED);
      result->set_name(name);
    }
  }
  batch.Write();
  return absl::OkStatus();
}

}  // namespace

absl::Status KeepNextActivities(Records& records, const CallContext& call, const std::set<std::string>& leads) {
  if (leads.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto states, ReadLeadStates(records, call, {leads.begin(), leads.end()}, {}));
  std::vector<Change> changes;
  for (const auto& [name, state] : states) {
    auto lead = std::make_unique<Lead>(static_cast<const Lead&>(*state.lead.message));
    lead->clear_next_activity_date();
    if (state.next) *lead->mutable_next_activity_date() = ToDate(*state.next);
    auto change = records.leads().ChangeOf(call, state.lead, std::move(lead), type::v1::EVENT_TYPE_LEAD_UPDATED);
    if (change) changes.push_back(*std::move(change));
  }
  const absl::Status status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
  return ReasonOf(status) == "VERSION_CHANGED" ? KeepNextActivities(records, call, leads) : status;
}

absl::Status UpsertImportedActivities(Imported& work) {
  Records& records = work.records;
  const auto take = [](const Activity& given, Activity& activity) {
    if (given.state() != Activity::STATE_UNSPECIFIED) activity.set_state(given.state());
    if (given.has_done_time()) *activity.mutable_done_time() = given.done_time();
    if (!given.feedback().empty()) activity.set_feedback(given.feedback());
    if (activity.state() != Activity::STATE_PLANNED && !activity.has_done_time()) {
      *activity.mutable_done_time() = ToTimestamp(FromDate(activity.due_date()));
    }
  };
  const auto make = [&](const v1::ImportedActivity& item,
                        const std::string& name) -> absl::StatusOr<std::unique_ptr<Activity>> {
    auto activity = std::make_unique<Activity>(item.activity());
    activity->set_name(name);
    if (activity->summary().empty()) return InvalidField("activity.summary", "is required");
    if (!activity->has_due_date()) {
      const Time day = activity->has_done_time()     ? FromTimestamp(activity->done_time())
                       : activity->has_create_time() ? FromTimestamp(activity->create_time())
                                                     : records.clock().Now();
      *activity->mutable_due_date() = ToDate(std::chrono::floor<std::chrono::days>(day));
    }
    EMBUDO_RETURN_IF_ERROR(records.WithScene(work.call, [&](const logic::Scene& scene) -> absl::Status {
      EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, records.leads().Load(work.call, Records::LeadOf(name)));
      return logic::PrepareNewActivity(scene, static_cast<const Lead&>(*lead.message), *activity);
    }));
    take(item.activity(), *activity);
    return activity;
  };
  const auto update = [&](const v1::ImportedActivity& item, Activity& activity) {
    Activity given = item.activity();
    given.clear_create_time();
    Overlay(given, &activity);
    take(item.activity(), activity);
  };
  EMBUDO_RETURN_IF_ERROR(Upsert<Activity>(work, records.activities(), "activity", "/activities/",
                                          work.request.activities(), type::v1::EVENT_TYPE_ACTIVITY_UPDATED, make,
                                          update));
  if (work.request.validate_only()) return absl::OkStatus();
  std::set<std::string> leads;
  for (const BulkResult& result : work.response.results()) {
    if (!result.name().empty() && !result.has_error()) leads.insert(Records::LeadOf(result.name()));
  }
  return KeepNextActivities(records, work.call, leads);
}

absl::Status UpsertImportedMessages(Imported& work) {
  using type::v1::Message;
  Records& records = work.records;
  const auto make = [&](const v1::ImportedMessage& item,
                        const std::string& name) -> absl::StatusOr<std::unique_ptr<Message>> {
    auto message = std::make_unique<Message>(item.message());
    message->set_name(name);
    EMBUDO_RETURN_IF_ERROR(
        records.WithScene(work.call, [&](const logic::Scene& scene) { return logic::PrepareNew(scene, *message); }));
    message->set_author(item.message().author());
    message->clear_mentions();  // nobody is told of the past
    if (message->type() == Message::TYPE_EMAIL_OUT) message->set_delivery_state(Message::DELIVERY_STATE_SENT);
    return message;
  };
  const auto update = [&](const v1::ImportedMessage& item, Message& message) {
    Message given = item.message();
    given.clear_create_time();
    given.clear_type();
    Overlay(given, &message);
  };
  return Upsert<Message>(work, records.messages(), "message", "/messages/", work.request.messages(),
                         type::v1::EVENT_TYPE_MESSAGE_UPDATED, make, update);
}

absl::Status KeepImportedStays(Imported& work) {
  std::vector<Ids> ids(static_cast<size_t>(work.request.stays_size()));
  std::vector<const Ids*> about;
  for (int i = 0; i < work.request.stays_size(); ++i) {
    auto& one = ids[static_cast<size_t>(i)];
    *one.Add() = work.request.stays(i).lead();
    about.push_back(&one);
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> leads, LeadsOf(work.records, work.call, about));
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, work.records.catalogs().Get(work.call.tenant(), work.call.deadline));
  std::vector<storage::Stay> stays;
  std::vector<BulkResult*> results;
  for (int i = 0; i < work.request.stays_size(); ++i) {
    BulkResult* result = work.response.add_results();
    work.response.add_matched(false);
    const v1::ImportedStay& stay = work.request.stays(i);
    const std::string& lead = leads[static_cast<size_t>(i)];
    if (lead.empty()) {
      Refuse(NothingFound(ids[static_cast<size_t>(i)]), result);
    } else if (catalog->FindStage(stay.stage()) == nullptr) {
      Refuse(InvalidField("stays.stage", "there is no " + stay.stage()), result);
    } else {
      result->set_name(lead);
      stays.push_back({IdOf(lead), stay.stage(), FromTimestamp(stay.enter_time())});
      results.push_back(result);
    }
  }
  if (stays.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<bool> known,
                          storage::KnowsStays(work.records.pool(), work.call.tenant(), stays, work.call.deadline));
  for (size_t i = 0; i < results.size(); ++i) {
    results[i]->set_outcome(known[i] ? BulkResult::OUTCOME_UNCHANGED : BulkResult::OUTCOME_CREATED);
  }
  if (work.request.validate_only()) return absl::OkStatus();
  return db::RunInTx(work.records.pool(), work.call.tenant(), work.call.deadline, [&](db::Connection& connection) {
    return storage::KeepStays(connection, work.call.tenant(), work.request.import(), stays).status();
  });
}

}  // namespace embudo::pipeline::rpc
