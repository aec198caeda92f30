// Merging contacts into one.

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "embudo/type/v1/quote.pb.h"
#include "services/pipeline/logic/contact_rules.h"
#include "services/pipeline/rpc/contact_effects.h"
#include "services/pipeline/rpc/contact_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Contact;

const Contact& ContactOf(const resource::Record& record) { return static_cast<const Contact&>(*record.message); }

/// Who survives, and who goes.
struct Merge {
  std::string survivor;
  std::vector<std::string> others;

  std::vector<std::string> OtherIds() const {
    std::vector<std::string> ids;
    for (const std::string& name : others) ids.push_back(IdOf(name));
    return ids;
  }
  bool Has(const std::string& name) const {
    return name == survivor || std::find(others.begin(), others.end(), name) != others.end();
  }
};

std::string FieldOfName(int i) { return "names[" + std::to_string(i) + "]"; }

// The contacts of the request, oldest first.
absl::StatusOr<std::vector<resource::Record>> LoadAll(Records& records, const CallContext& call,
                                                      const v1::MergeContactsRequest& request) {
  std::vector<resource::Record> contacts;
  std::set<std::string> seen;
  for (int i = 0; i < request.names_size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(resource::Record record, records.contacts().Load(call, request.names(i)));
    if (!seen.insert(ContactOf(record).name()).second) {
      return InvalidField(FieldOfName(i), "is given twice, or is one with another of them already");
    }
    if (!contacts.empty() && ContactOf(record).kind() != ContactOf(contacts.front()).kind()) {
      return InvalidField(FieldOfName(i), "a person and a company can't be one");
    }
    contacts.push_back(std::move(record));
  }
  if (contacts.size() < 2) return InvalidField("names", "are fewer than two");
  std::sort(contacts.begin(), contacts.end(), [](const resource::Record& a, const resource::Record& b) {
    const Time left = FromTimestamp(ContactOf(a).create_time());
    const Time right = FromTimestamp(ContactOf(b).create_time());
    return left != right ? left < right : ContactOf(a).name() < ContactOf(b).name();
  });
  return contacts;
}

absl::StatusOr<Merge> MergeOf(const v1::MergeContactsRequest& request, const std::vector<resource::Record>& contacts) {
  Merge merge;
  merge.survivor = request.survivor().empty() ? ContactOf(contacts.front()).name() : request.survivor();
  for (const resource::Record& contact : contacts) {
    if (ContactOf(contact).name() != merge.survivor) merge.others.push_back(ContactOf(contact).name());
  }
  if (merge.others.size() == contacts.size()) return InvalidField("survivor", "is none of the names");
  return merge;
}

// The survivor may not end up below itself.
absl::Status KeepTree(Records& records, const CallContext& call, const Merge& merge, Contact& survivor) {
  if (survivor.company().empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto above, CompanyAndParents(records, call, survivor.company()));
  if (std::any_of(above.begin(), above.end(), [&](const std::string& name) { return merge.Has(name); })) {
    survivor.clear_company();
  }
  return absl::OkStatus();
}

// Changes of the records of a table that refer to one of the others, so that they refer to the survivor; one batch.
absl::StatusOr<std::vector<resource::Change>> MoveReferences(Records& records, const CallContext& call,
                                                             const Merge& merge, resource::Resource& referring,
                                                             type::v1::EventType event,
                                                             const std::vector<const char*>& fields) {
  const resource::Table& table = referring.table();
  std::string refers;
  for (const char* field : fields) {
    refers += (refers.empty() ? "t." : " OR t.") + std::string(field) + "_id = ANY ($2::uuid[])";
  }
  // Those that go do not move.
  const std::string staying =
      &table == &storage::ContactTable() ? " AND t.contact_id <> ALL ($2::uuid[]) AND t.contact_id <> $3::uuid" : "";
  db::Params params = db::Params::Of(call.tenant(), merge.OtherIds());
  if (!staying.empty()) params.Add(IdOf(merge.survivor));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "SELECT " + table.SelectList("t") + " FROM " + table.name() + " t WHERE t.tenant_id = $1 AND (" +
                   refers + ")" + staying + " AND t.delete_time IS NULL ORDER BY t." + table.key_columns().back() +
                   " LIMIT " + std::to_string(kMostLeadsAtOnce),
               params));
  std::vector<resource::Change> changes;
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = table.Read(rows[i]);
    std::unique_ptr<Message> moved(record.message->New());
    moved->CopyFrom(*record.message);
    for (const char* field : fields) {
      const std::string name = resource::GetText(*moved, field);
      if (name != merge.survivor && merge.Has(name)) resource::SetText(moved.get(), field, merge.survivor);
    }
    auto change = referring.ChangeOf(call, record, std::move(moved), event);
    if (change) changes.push_back(*std::move(change));
  }
  return changes;
}

// Everything that refers to the others, up to a bound for each table.
absl::StatusOr<std::vector<resource::Change>> MoveAll(Records& records, const CallContext& call, const Merge& merge) {
  std::vector<resource::Change> all;
  const auto move = [&](resource::Resource& referring, type::v1::EventType event,
                        const std::vector<const char*>& fields) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(auto changes, MoveReferences(records, call, merge, referring, event, fields));
    for (resource::Change& change : changes) all.push_back(std::move(change));
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(move(records.contacts(), type::v1::EVENT_TYPE_CONTACT_UPDATED, {"company"}));
  EMBUDO_RETURN_IF_ERROR(move(records.leads(), type::v1::EVENT_TYPE_LEAD_UPDATED, {"contact", "company"}));
  EMBUDO_RETURN_IF_ERROR(move(records.quotes(), type::v1::EVENT_TYPE_QUOTE_UPDATED, {"contact", "company"}));
  return all;
}

// What other systems call the others is the survivor from now on.
resource::Writer::InTransaction MoveExternalIds(const CallContext& call, const Merge& merge) {
  return [tenant = call.tenant(), survivor = IdOf(merge.survivor),
          others = merge.OtherIds()](db::Connection& connection) -> absl::Status {
    return connection
        .Exec(
            "UPDATE pipeline.contact_external_id SET contact_id = $2::uuid"
            " WHERE tenant_id = $1 AND contact_id = ANY ($3::uuid[])",
            db::Params::Of(tenant, survivor, others))
        .status();
  };
}

absl::Status MergeInto(Records& records, const CallContext& call, const v1::MergeContactsRequest& request,
                       const Merge& merge, Contact& survivor, resource::Effects& effects) {
  // Read again: the survivor was, and all must be of one moment.
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Record> contacts, LoadAll(records, call, request));
  for (const resource::Record& other : contacts) {
    if (ContactOf(other).name() == merge.survivor) continue;
    logic::TakeIn(ContactOf(other), survivor);
    auto gone = std::make_unique<Contact>(ContactOf(other));
    *gone->mutable_delete_time() = ToTimestamp(records.clock().Now());
    gone->set_merged_into(merge.survivor);
    auto change = records.contacts().ChangeOf(call, other, std::move(gone), type::v1::EVENT_TYPE_CONTACT_DELETED);
    effects.also.push_back(*std::move(change));
  }
  EMBUDO_RETURN_IF_ERROR(KeepTree(records, call, merge, survivor));
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Change> moved, MoveAll(records, call, merge));
  for (resource::Change& change : moved) effects.also.push_back(std::move(change));
  effects.statements = MoveExternalIds(call, merge);
  effects.always = true;
  return absl::OkStatus();
}

// What was more than one transaction takes. Until then its references resolve to the survivor all the same.
absl::Status MoveRest(Records& records, const CallContext& call, const Merge& merge) {
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<resource::Change> changes, MoveAll(records, call, merge));
    if (changes.empty()) return absl::OkStatus();
    const absl::Status status = records.writer().WriteAll(call.tenant(), changes, call.deadline);
    if (!status.ok() && ReasonOf(status) != "VERSION_CHANGED") return status;
  }
}

absl::Status TryMerge(Records& records, const CallContext& call, const v1::MergeContactsRequest& request,
                      Contact& response) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<resource::Record> contacts, LoadAll(records, call, request));
  EMBUDO_ASSIGN_OR_RETURN(const Merge merge, MergeOf(request, contacts));
  EMBUDO_RETURN_IF_ERROR(records.contacts().Modify(
      call, merge.survivor, "", request, type::v1::EVENT_TYPE_CONTACT_MERGED,
      [&](Message& record, resource::Effects& effects) {
        return MergeInto(records, call, request, merge, static_cast<Contact&>(record), effects);
      },
      response));
  return request.validate_only() ? absl::OkStatus() : MoveRest(records, call, merge);
}

}  // namespace

absl::StatusOr<Contact> MergeContacts(Records& records, const CallContext& call,
                                      const v1::MergeContactsRequest& request) {
  Contact response;
  const absl::Status status = TryMerge(records, call, request, response);
  // A repeated call finds its contacts merged already; its first answer comes before that.
  if (!status.ok()) EMBUDO_RETURN_IF_ERROR(records.contacts().FirstAnswerOr(call, request, status, response));
  return response;
}

}  // namespace embudo::pipeline::rpc
