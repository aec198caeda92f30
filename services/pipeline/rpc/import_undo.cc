// Takes back what an import wrote.

#include "services/pipeline/logic/import_undo.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/pipeline/rpc/contact_effects.h"
#include "services/pipeline/rpc/imported_records.h"
#include "services/pipeline/storage/import_journal.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Change;
using storage::ImportWrite;
using type::v1::Contact;
using type::v1::Lead;
using Response = v1::UndoImportedRecordsResponse;

constexpr int kDefaultLimit = 200;
constexpr int kAttempts = 10;

bool HasTime(const Message& record, const char* field) {
  return record.GetReflection()->HasField(record, record.GetDescriptor()->FindFieldByName(field));
}

/// One call's work.
class Undo {
 public:
  Undo(Records& records, const CallContext& call, const v1::UndoImportedRecordsRequest& request)
      : records_(records), call_(call), import_(request.import()), undo_(request.undo()) {}

  absl::StatusOr<Response> Run(int limit) {
    EMBUDO_ASSIGN_OR_RETURN(const auto writes,
                            storage::LastWrites(records_.pool(), call_.tenant(), import_, limit, call_.deadline));
    if (writes.empty()) {
      EMBUDO_RETURN_IF_ERROR(storage::RemoveStays(records_.pool(), call_.tenant(), import_, call_.deadline).status());
      return SumUp();
    }
    // The last written first, so that what refers goes before what it refers to.
    std::vector<const std::vector<ImportWrite>*> order;
    for (const auto& [record, entries] : writes) order.push_back(&entries);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->back().seq > b->back().seq; });
    if (!WriteAll(order).ok()) {
      for (const auto* entries : order) EMBUDO_RETURN_IF_ERROR(WriteAlone(*entries));
    }
    EMBUDO_RETURN_IF_ERROR(PutRight());
    return response_;
  }

 private:
  /// What is to be done with one record.
  struct Plan {
    std::optional<Change> change;
    bool deletes = false;
    std::optional<Response::Kept> kept;
    /// The external ids that the record gives up.
    std::vector<ExternalKey> ids;
  };

  absl::Status WriteAll(const std::vector<const std::vector<ImportWrite>*>& records) {
    std::vector<Plan> plans;
    for (const auto* entries : records) {
      EMBUDO_ASSIGN_OR_RETURN(Plan plan, PlanFor(*entries));
      plans.push_back(std::move(plan));
    }
    std::vector<std::string> names;
    for (const auto* entries : records) names.push_back(entries->front().record);
    return Write(names, std::move(plans));
  }

  absl::Status WriteAlone(const std::vector<ImportWrite>& entries) {
    absl::Status status;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      status = WriteAll({&entries});
      if (ReasonOf(status) != "VERSION_CHANGED") break;
    }
    if (status.ok() || status.code() == absl::StatusCode::kUnavailable ||
        status.code() == absl::StatusCode::kDeadlineExceeded) {
      return status;
    }
    std::vector<Plan> plans(1);
    plans[0].kept = Kept(entries, "REFUSED");
    return Write({entries.front().record}, std::move(plans));
  }

  absl::Status Write(const std::vector<std::string>& names, std::vector<Plan> plans) {
    std::vector<Change> changes;
    std::vector<std::pair<std::string, ExternalKey>> lost;
    std::vector<bool> deletes;
    std::vector<storage::Settled> settled;
    for (size_t i = 0; i < plans.size(); ++i) {
      Plan& plan = plans[i];
      storage::Settled record{names[i], "", "", {}};
      if (plan.kept) {
        record.kept_reason = plan.kept->reason();
        record.kept_fields.assign(plan.kept->fields().begin(), plan.kept->fields().end());
      }
      if (plan.change) record.outcome = plan.deletes ? "DELETED" : "RESTORED";
      settled.push_back(std::move(record));
      if (!plan.change) continue;
      for (const ExternalKey& id : plan.ids) lost.emplace_back(names[i], id);
      changes.push_back(*std::move(plan.change));
      deletes.push_back(plan.deletes);
    }
    const auto settle = [&](db::Connection& connection) -> absl::Status {
      EMBUDO_RETURN_IF_ERROR(GiveUpIds(connection, lost));
      return storage::SettleWrites(connection, call_.tenant(), import_, undo_, settled);
    };
    EMBUDO_RETURN_IF_ERROR(changes.empty()
                               ? db::RunInTx(records_.pool(), call_.tenant(), call_.deadline, settle)
                               : records_.writer().WriteAll(call_.tenant(), changes, call_.deadline, settle));
    for (Plan& plan : plans) {
      if (!plan.kept) continue;
      response_.set_kept_count(response_.kept_count() + 1);
      *response_.add_kept() = *std::move(plan.kept);
    }
    for (size_t i = 0; i < changes.size(); ++i) Count(std::move(changes[i]), deletes[i]);
    return absl::OkStatus();
  }

  /// The last answer: all that this undo has done, be it in calls whose answers were lost.
  absl::StatusOr<Response> SumUp() {
    EMBUDO_ASSIGN_OR_RETURN(const storage::UndoFigures figures,
                            storage::FiguresOf(records_.pool(), call_.tenant(), import_, undo_, call_.deadline));
    Response response;
    response.set_done(true);
    response.set_deleted(figures.deleted);
    response.set_restored(figures.restored);
    response.set_kept_count(figures.kept);
    for (const storage::Settled& record : figures.kept_records) {
      Response::Kept* kept = response.add_kept();
      kept->set_record(record.record);
      kept->set_reason(record.kept_reason);
      for (const std::string& field : record.kept_fields) kept->add_fields(field);
    }
    return response;
  }

  absl::Status GiveUpIds(db::Connection& connection, const std::vector<std::pair<std::string, ExternalKey>>& lost) {
    for (const char* table : {"lead", "contact"}) {
      std::vector<std::string> records;
      std::vector<std::string> systems;
      std::vector<std::string> ids;
      for (const auto& [name, id] : lost) {
        if (!name.starts_with(table)) continue;
        records.push_back(IdOf(name));
        systems.push_back(id.first);
        ids.push_back(id.second);
      }
      if (records.empty()) continue;
      EMBUDO_RETURN_IF_ERROR(connection
                                 .Exec(std::string("DELETE FROM pipeline.") + table +
                                           "_external_id x USING unnest($2::uuid[], $3::text[], $4::text[])"
                                           " AS g (record, system, id) WHERE x.tenant_id = $1 AND x.system = g.system"
                                           " AND x.external_id = g.id AND x." +
                                           table + "_id = g.record",
                                       db::Params::Of(call_.tenant(), records, systems, ids))
                                 .status());
    }
    return absl::OkStatus();
  }

  static Response::Kept Kept(const std::vector<ImportWrite>& entries, const char* reason) {
    Response::Kept kept;
    kept.set_record(entries.front().record);
    kept.set_reason(reason);
    return kept;
  }

  void Count(Change change, bool deletes) {
    if (deletes) {
      response_.set_deleted(response_.deleted() + 1);
    } else {
      response_.set_restored(response_.restored() + 1);
    }
    if (change.table == &storage::ActivityTable()) {
      leads_.insert(Records::LeadOf(resource::NameOf(*change.after.message)));
    }
    if (change.table == &storage::ContactTable() && !deletes) contacts_.push_back(std::move(change));
  }

  resource::Resource& ResourceOf(const std::string& name) {
    if (name.starts_with("contacts/")) return records_.contacts();
    if (name.find("/activities/") != std::string::npos) return records_.activities();
    return name.find("/messages/") != std::string::npos ? records_.messages() : records_.leads();
  }

  absl::StatusOr<Plan> PlanFor(const std::vector<ImportWrite>& entries) {
    const std::string& name = entries.front().record;
    resource::Resource& resource = ResourceOf(name);
    Plan plan;
    auto before = resource.LoadAsIs(call_, name);
    if (before.status().code() == absl::StatusCode::kNotFound) return plan;  // it is gone for good
    EMBUDO_RETURN_IF_ERROR(before.status());
    const Message& now = *before->message;
    if (now.GetDescriptor()->FindFieldByName("merged_into") != nullptr &&
        !resource::GetText(now, "merged_into").empty()) {
      plan.kept = Kept(entries, "MERGED_SINCE");
      return plan;
    }
    const bool by_import = std::any_of(entries.begin(), entries.end(), [](const ImportWrite& entry) {
      return std::find(entry.fields.begin(), entry.fields.end(), "delete_time") != entry.fields.end();
    });
    if (HasTime(now, "delete_time") && !by_import) {
      if (!entries.front().created) plan.kept = Kept(entries, "DELETED_SINCE");
      return plan;
    }
    return entries.front().created ? PlanDeletion(resource, *before, entries) : PlanReturn(resource, *before, entries);
  }

  absl::StatusOr<Plan> PlanDeletion(resource::Resource& resource, const resource::Record& before,
                                    const std::vector<ImportWrite>& entries) {
    Plan plan;
    EMBUDO_ASSIGN_OR_RETURN(const std::string reason, WhyKept(before, entries));
    if (!reason.empty()) {
      plan.kept = Kept(entries, reason.c_str());
      return plan;
    }
    std::unique_ptr<Message> after(before.message->New());
    after->CopyFrom(*before.message);
    TakeIds(*after, {}, &plan);
    resource::Effects effects;
    const absl::Status deletable = resource.DeleteOf(call_)(*after, effects);
    if (deletable.code() == absl::StatusCode::kFailedPrecondition) {
      plan.kept = Kept(entries, "REFERENCED_SINCE");
      return plan;
    }
    EMBUDO_RETURN_IF_ERROR(deletable);
    plan.deletes = true;
    plan.change = resource.ChangeOf(call_, before, std::move(after), resource.rules().deleted);
    return plan;
  }

  /// Whether people have gone on with a record that the import created; empty if not.
  absl::StatusOr<std::string> WhyKept(const resource::Record& before, const std::vector<ImportWrite>& entries) {
    const Message& record = *before.message;
    const bool lead = record.GetDescriptor() == Lead::descriptor();
    if (before.revision != entries.back().revision) {
      if (!lead) return std::string("CHANGED_SINCE");
      EMBUDO_ASSIGN_OR_RETURN(const bool changed, ChangedByOthers(resource::NameOf(record)));
      if (changed) return std::string("CHANGED_SINCE");
    }
    if (!lead) return std::string();
    // Ids of version 5 are those of imported messages.
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(records_.pool(), call_.tenant(), call_.deadline,
                 "SELECT EXISTS (SELECT 1 FROM pipeline.message WHERE tenant_id = $1 AND lead_id = $2::uuid"
                 " AND type <> 'SYSTEM' AND delete_time IS NULL AND substr(message_id::text, 15, 1) <> '5')"
                 " OR EXISTS (SELECT 1 FROM pipeline.quote WHERE tenant_id = $1 AND lead_id = $2::uuid"
                 " AND delete_time IS NULL)",
                 db::Params::Of(call_.tenant(), IdOf(resource::NameOf(record)))));
    return rows[0].Bool(0) ? std::string("REFERENCED_SINCE") : std::string();
  }

  /// Whether a person, or another import, has changed the lead.
  absl::StatusOr<bool> ChangedByOthers(const std::string& lead) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(records_.pool(), call_.tenant(), call_.deadline,
                                     "SELECT data FROM pipeline.lead_history WHERE tenant_id = $1"
                                     " AND lead_id = $2::uuid ORDER BY seq",
                                     db::Params::Of(call_.tenant(), IdOf(lead))));
    for (int i = 0; i < rows.size(); ++i) {
      type::v1::Event event;
      if (!event.ParseFromString(rows[i].Bytes(0))) return Internal("a change in the history that can't be parsed");
      if (event.actor().starts_with("users/") && event.cause().event_id() != import_) return true;
    }
    return false;
  }

  absl::StatusOr<Plan> PlanReturn(resource::Resource& resource, const resource::Record& before,
                                  const std::vector<ImportWrite>& entries) {
    logic::ImportedFields imported;
    imported.before.reset(before.message->New());
    imported.after.reset(before.message->New());
    // The last write of a field has what it became, the first what it was.
    for (const ImportWrite& entry : entries) Overlay(entry.after, entry.fields, *imported.after);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      Overlay(entry->before, entry->fields, *imported.before);
    }
    std::set<std::string> paths;
    for (const ImportWrite& entry : entries) paths.insert(entry.fields.begin(), entry.fields.end());
    imported.paths.assign(paths.begin(), paths.end());
    std::unique_ptr<Message> after(before.message->New());
    after->CopyFrom(*before.message);
    const std::vector<std::string> kept = logic::TakeBack(imported, *after);
    Plan plan;
    if (!kept.empty()) {
      plan.kept = Kept(entries, "CHANGED_SINCE");
      for (const std::string& path : kept) plan.kept->add_fields(path);
    }
    TakeIds(*before.message, {after.get()}, &plan);
    plan.change =
        resource.ChangeOf(call_, before, std::move(after), EventOf(resource, *before.message, *imported.before));
    if (plan.change) plan.change->event_type = EventOf(resource, *before.message, *plan.change->after.message);
    return plan;
  }

  static type::v1::EventType EventOf(const resource::Resource& resource, const Message& before, const Message& after) {
    const bool back = HasTime(before, "delete_time") && !HasTime(after, "delete_time");
    if (before.GetDescriptor() == Lead::descriptor()) {
      if (back) return type::v1::EVENT_TYPE_LEAD_UNDELETED;
      return EventOfUpdate(static_cast<const Lead&>(before), static_cast<const Lead&>(after));
    }
    if (back && before.GetDescriptor() == Contact::descriptor()) return type::v1::EVENT_TYPE_CONTACT_UNDELETED;
    return resource.rules().updated;
  }

  /// Puts the fields at the paths of a serialised record over another; those that it lacks are cleared.
  static void Overlay(const std::string& bytes, const std::vector<std::string>& paths, Message& record) {
    std::unique_ptr<Message> part(record.New());
    if (!part->ParseFromString(bytes)) return;
    std::set<const google::protobuf::FieldDescriptor*> fields;
    for (const std::string& path : paths) {
      fields.insert(record.GetDescriptor()->FindFieldByName(path.substr(0, path.find('.'))));
    }
    fields.erase(nullptr);
    record.GetReflection()->SwapFields(&record, part.get(), {fields.begin(), fields.end()});
  }

  /// The external ids of `record` that it will not have any more: all, or those that `after` lacks. A record that is
  /// deleted loses them, so that another import does not find it.
  static void TakeIds(Message& record, std::vector<const Message*> after, Plan* plan) {
    const auto* field = record.GetDescriptor()->FindFieldByName("external_ids");
    if (field == nullptr) return;
    const auto ids_of = [&](const Message& message) {
      std::set<ExternalKey> ids;
      for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
        const Message& id = message.GetReflection()->GetRepeatedMessage(message, field, i);
        ids.emplace(resource::GetText(id, "system"), resource::GetText(id, "id"));
      }
      return ids;
    };
    const std::set<ExternalKey> kept = after.empty() ? std::set<ExternalKey>() : ids_of(*after[0]);
    for (const ExternalKey& id : ids_of(record)) {
      if (!kept.contains(id)) plan->ids.push_back(id);
    }
    if (after.empty()) record.GetReflection()->ClearField(&record, field);
  }

  /// What follows from the changes in other records.
  absl::Status PutRight() {
    EMBUDO_RETURN_IF_ERROR(KeepNextActivities(records_, call_, leads_));
    for (const Change& change : contacts_) {
      EMBUDO_RETURN_IF_ERROR(FlowIntoMoreLeads(records_, call_, static_cast<const Contact&>(*change.previous),
                                               static_cast<const Contact&>(*change.after.message)));
    }
    return absl::OkStatus();
  }

  Records& records_;
  const CallContext& call_;
  const std::string& import_;
  const std::string& undo_;
  Response response_;
  std::set<std::string> leads_;
  std::vector<Change> contacts_;
};

}  // namespace

absl::StatusOr<Response> UndoImportedRecords(Records& records, const CallContext& caller,
                                             const v1::UndoImportedRecordsRequest& request) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_IMPORT;
  call.identity.cause.set_event_id(request.import());
  return Undo(records, call, request).Run(request.limit() == 0 ? kDefaultLimit : request.limit());
}

}  // namespace embudo::pipeline::rpc
