#include "common/resource/resource.h"

#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/resource/mask.h"
#include "common/rpc/validate.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/field_mask.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Changes that are written beside those of others: more would make them wait.
constexpr size_t kMostInBundle = 8;
constexpr int kWriteAttempts = 20;
/// How long a deleted record can be brought back, where it can.
constexpr std::chrono::days kUndeletable{30};

bool GetFlag(const Message& message, const char* field) {
  const FieldDescriptor* descriptor = message.GetDescriptor()->FindFieldByName(field);
  return descriptor != nullptr && message.GetReflection()->GetBool(message, descriptor);
}

void SetTime(Message* message, const char* field, Time time) {
  const FieldDescriptor* descriptor = message->GetDescriptor()->FindFieldByName(field);
  if (descriptor != nullptr) {
    *static_cast<google::protobuf::Timestamp*>(message->GetReflection()->MutableMessage(message, descriptor)) =
        ToTimestamp(time);
  }
}

std::unique_ptr<Message> Copy(const Message& message) {
  std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

bool HasTime(const Message& message, const char* field) {
  const FieldDescriptor* descriptor = message.GetDescriptor()->FindFieldByName(field);
  return descriptor != nullptr && message.GetReflection()->HasField(message, descriptor);
}

// `lead`, the field of a request that holds the resource.
const FieldDescriptor* BodyField(const Message& request, const Table& table) {
  const auto* descriptor = request.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (descriptor->field(i)->message_type() == table.descriptor()) return descriptor->field(i);
  }
  return nullptr;
}

bool IsReplayable(const absl::Status& status) { return status.code() != absl::StatusCode::kUnavailable; }

std::set<std::pair<std::string, std::string>> ExternalIdsOf(const Message& record) {
  std::set<std::pair<std::string, std::string>> ids;
  const FieldDescriptor* field = record.GetDescriptor()->FindFieldByName("external_ids");
  for (int i = 0; field != nullptr && i < record.GetReflection()->FieldSize(record, field); ++i) {
    const Message& entry = record.GetReflection()->GetRepeatedMessage(record, field, i);
    ids.emplace(GetText(entry, "system"), GetText(entry, "id"));
  }
  return ids;
}

/// What makes a changed record found by its external ids as they are now.
Writer::InTransaction RenameExternally(const Table& table, const std::string& tenant, const Message& before,
                                       const Message& after) {
  const auto old_ids = ExternalIdsOf(before);
  const auto new_ids = ExternalIdsOf(after);
  if (old_ids == new_ids) return {};
  const std::string own = table.IdsOf(after).back();
  return [&table, tenant, own, old_ids, new_ids](db::Connection& connection) -> absl::Status {
    const std::string name = table.name() + "_external_id";
    for (const auto& [system, id] : old_ids) {
      if (new_ids.contains({system, id})) continue;
      EMBUDO_RETURN_IF_ERROR(
          connection
              .Exec("DELETE FROM " + name + " WHERE tenant_id = $1 AND system = $2 AND external_id = $3",
                    db::Params::Of(tenant, system, id))
              .status());
    }
    for (const auto& [system, id] : new_ids) {
      if (old_ids.contains({system, id})) continue;
      const absl::Status status = connection
                                      .Exec("INSERT INTO " + name + " (tenant_id, system, external_id, " +
                                                table.key_columns().back() + ") VALUES ($1, $2, $3, $4::uuid)",
                                            db::Params::Of(tenant, system, id, own))
                                      .status();
      if (status.code() == absl::StatusCode::kAlreadyExists) {
        return AlreadyExists(table.resource_type(), system + ":" + id);
      }
      EMBUDO_RETURN_IF_ERROR(status);
    }
    return absl::OkStatus();
  };
}

}  // namespace

Resource::Resource(const Table& table, Rules rules, db::Pool& pool, Writer& writer, const Clock& clock)
    : table_(table),
      rules_(std::move(rules)),
      pool_(pool),
      writer_(writer),
      clock_(clock),
      schema_(SchemaOf(table, "t", rules_.case_insensitive)) {}

void Resource::Bind(rpc::Service& service) {
  using Method = absl::Status (Resource::*)(const rpc::CallContext&, const Message&, Message&);
  using ConstMethod = absl::Status (Resource::*)(const rpc::CallContext&, const Message&, Message&) const;
  const std::string& type = table_.descriptor()->name();
  const std::string plural = [&] {
    std::string text = table_.descriptor()->options().GetExtension(google::api::resource).plural();
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
  }();
  const auto bind = [&](const std::string& name, auto method) {
    if (service.descriptor()->FindMethodByName(name) == nullptr || service.methods().contains(name)) return;
    service.UnaryAny(name, [this, method](const rpc::CallContext& call, const Message& request, Message& response) {
      return (this->*method)(call, request, response);
    });
  };
  bind("Get" + type, static_cast<ConstMethod>(&Resource::Get));
  bind("List" + plural, static_cast<ConstMethod>(&Resource::List));
  bind("Create" + type, static_cast<Method>(&Resource::Create));
  bind("Update" + type, static_cast<Method>(&Resource::Update));
  bind("Delete" + type, static_cast<Method>(&Resource::Delete));
}

absl::StatusOr<Record> Resource::Find(const rpc::CallContext& call, const std::string& name) const {
  absl::StatusOr<Record> found = FindAsIs(call, name);
  if (found.status().code() == absl::StatusCode::kNotFound && rules_.moved) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string now, rules_.moved(call, name));
    if (!now.empty()) found = FindAsIs(call, now);
  }
  if (!found.ok()) return found.status();
  Record record = *std::move(found);
  // A survivor may have been merged in its turn.
  for (std::string into = GetText(*record.message, "merged_into"); !into.empty();
       into = GetText(*record.message, "merged_into")) {
    EMBUDO_ASSIGN_OR_RETURN(record, FindAsIs(call, into));
  }
  return record;
}

absl::StatusOr<Record> Resource::FindAsIs(const rpc::CallContext& call, const std::string& name) const {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(table_.pattern(), name, "name"));
  if (table_.uuid_key() && !Uuid::Parse(ids.back())) return NotFound(table_.resource_type(), name);
  std::string sql = "SELECT " + table_.SelectList("t") + " FROM " + table_.name() + " t WHERE t.tenant_id = $1";
  db::Params params = db::Params::Of(call.tenant());
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string& column = table_.key_columns()[i];
    // A parent's id is a UUID where the child's pattern says it is a lead's.
    const bool uuid = HasUuidIds("embudo.dev/" + std::string(1, static_cast<char>(column[0] - 'a' + 'A')) +
                                 column.substr(1, column.size() - 4));
    if (uuid && !Uuid::Parse(ids[i])) return NotFound(table_.resource_type(), name);
    sql += " AND t." + column + " = $" + std::to_string(i + 2) + (uuid ? "::uuid" : "");
    params.Add(ids[i]);
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, call.tenant(), call.deadline, sql, params));
  if (rows.empty()) return NotFound(table_.resource_type(), name);
  return table_.Read(rows[0]);
}

absl::StatusOr<Record> Resource::Load(const rpc::CallContext& call, const std::string& name, bool deleted_too) const {
  EMBUDO_ASSIGN_OR_RETURN(Record record, Find(call, name));
  if (!deleted_too && HasTime(*record.message, "delete_time")) return NotFound(table_.resource_type(), name);
  if (rules_.visible && !rules_.visible(call, *record.message)) return NotFound(table_.resource_type(), name);
  return record;
}

absl::StatusOr<Record> Resource::LoadAsIs(const rpc::CallContext& call, const std::string& name) const {
  EMBUDO_ASSIGN_OR_RETURN(Record record, FindAsIs(call, name));
  if (rules_.visible && !rules_.visible(call, *record.message)) return NotFound(table_.resource_type(), name);
  return record;
}

absl::StatusOr<filter::Filter> Resource::CompileFilter(const rpc::CallContext& call, const std::string& text) const {
  return filter::Filter::Compile(text, schema_, resolver_ ? resolver_(call) : filter::Resolver());
}

absl::Status Resource::Get(const rpc::CallContext& call, const Message& request, Message& response) const {
  EMBUDO_ASSIGN_OR_RETURN(Record record, Load(call, NameOf(request), true));
  response.GetReflection()->Swap(&response, record.message.get());
  Derive(call, response);
  return absl::OkStatus();
}

absl::Status Resource::MakeName(const Message& request, Message& record) const {
  std::vector<std::string> ids;
  if (table_.key_columns().size() > 1) {
    const std::string parent = GetText(request, "parent");
    const std::string& text = table_.pattern().text();
    const std::string parent_text = text.substr(0, text.rfind('/', text.rfind('/') - 1));
    EMBUDO_ASSIGN_OR_RETURN(ids, ParseName(ResourcePattern(parent_text), parent, "parent"));
  }
  const FieldDescriptor* body = BodyField(request, table_);
  const std::string id_field = body->name() + "_id";
  std::string id = GetText(request, id_field.c_str());
  if (table_.uuid_key()) {
    const Uuid made = Uuid::V7(clock_.Now());
    const auto uuid = id.empty() ? std::optional<Uuid>(made) : Uuid::Parse(id);
    if (!uuid) return InvalidField(id_field, "is not a UUID");
    id = uuid->ToString();
  } else if (id.empty()) {
    id = Uuid::V7(clock_.Now()).ToString();
  } else if (!IsSlug(id)) {
    return InvalidField(id_field, "is not 1–63 of a-z, 0-9 and '-'");
  }
  ids.push_back(id);
  SetText(&record, "name", table_.pattern().Build(ids));
  return absl::OkStatus();
}

void Resource::FillRequest(const rpc::CallContext& call, const Message& request, Change* change) const {
  change->request_id = GetText(request, "request_id");
  change->method = call.method;
  if (!change->request_id.empty()) change->request_hash = HashRequest(call.method, request);
}

void Resource::Stamp(const rpc::CallContext& call, Time now, Message& record) {
  if (!HasTime(record, "create_time")) SetTime(&record, "create_time", now);
  SetTime(&record, "update_time", now);
  SetText(&record, "creator", call.identity.actor);
}

absl::StatusOr<Change> Resource::NewChange(const rpc::CallContext& call, std::unique_ptr<Message> record,
                                           const Message& request) {
  const Time now = clock_.Now();
  Stamp(call, now, *record);
  if (rules_.prepare) EMBUDO_RETURN_IF_ERROR(rules_.prepare(call, *record, nullptr));
  return ChangeOfNew(call, now, std::move(record), request);
}

Change Resource::NewPreparedChange(const rpc::CallContext& call, std::unique_ptr<Message> record,
                                   const Message& request) const {
  const Time now = clock_.Now();
  Stamp(call, now, *record);
  return ChangeOfNew(call, now, std::move(record), request);
}

Change Resource::ChangeOfNew(const rpc::CallContext& call, Time now, std::unique_ptr<Message> record,
                             const Message& request) const {
  SetText(record.get(), "etag", "1");
  Change change;
  change.table = &table_;
  change.partition_key = rules_.partition_key ? rules_.partition_key(*record) : table_.IdsOf(*record).back();
  for (const auto& id : ExternalIdsOf(*record)) change.new_external_ids.push_back(id);
  change.after = {std::move(record), 1, 1};
  change.event_type = rules_.created;
  change.time = now;
  const CallInfo info = InfoOf(call);
  change.actor = info.actor;
  change.origin = info.origin;
  change.traceparent = info.traceparent;
  change.cause = info.cause;
  FillRequest(call, request, &change);
  return change;
}

std::optional<Change> Resource::ChangeOf(const rpc::CallContext& call, const Record& before,
                                         std::unique_ptr<Message> after, type::v1::EventType event, bool always) const {
  Change change;
  change.changed_fields = ChangedFields(*before.message, *after);
  if (change.changed_fields.empty() && !always) return std::nullopt;
  change.table = &table_;
  change.time = clock_.Now();
  SetTime(after.get(), "update_time", change.time);
  SetText(after.get(), "etag", std::to_string(before.revision + 1));
  change.partition_key = rules_.partition_key ? rules_.partition_key(*after) : table_.IdsOf(*after).back();
  change.after = {std::move(after), before.version + 1, before.revision + 1};
  change.expected_version = before.version;
  change.event_type = event;
  std::shared_ptr<Message> previous(before.message->New());
  previous->CopyFrom(*before.message);
  change.previous = std::move(previous);
  const CallInfo info = InfoOf(call);
  change.actor = info.actor;
  change.origin = info.origin;
  change.traceparent = info.traceparent;
  change.cause = info.cause;
  return change;
}

absl::Status Resource::WriteNew(const rpc::CallContext& call, std::unique_ptr<Message> record, const Message& request,
                                Message& response) {
  absl::Status status;
  // Again where another record that is written with it has just been changed.
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    status = InsertNew(call, *record, request, response);
    if (ReasonOf(status) != "VERSION_CHANGED") break;
  }
  if (!status.ok()) status = FirstAnswerOr(call, request, status, response);
  if (status.ok()) Derive(call, response);
  return status;
}

absl::Status Resource::FirstAnswerOr(const rpc::CallContext& call, const Message& request, const absl::Status& status,
                                     Message& response) const {
  Change key;  // what FindAnswer needs
  key.table = &table_;
  FillRequest(call, request, &key);
  if (key.request_id.empty() || !IsReplayable(status)) return status;
  EMBUDO_ASSIGN_OR_RETURN(const bool found, writer_.FindAnswer(call.tenant(), key, &response, call.deadline));
  return found ? absl::OkStatus() : status;
}

absl::Status Resource::InsertNew(const rpc::CallContext& call, const Message& record, const Message& request,
                                 Message& response) {
  EMBUDO_ASSIGN_OR_RETURN(Change change, NewChange(call, Copy(record), request));
  response.CopyFrom(*change.after.message);
  Effects effects;
  effects.event = change.event_type;
  if (rules_.effects) EMBUDO_RETURN_IF_ERROR(rules_.effects(call, response, nullptr, effects));
  if (GetFlag(request, "validate_only")) {
    const absl::Status taken = Find(call, NameOf(response)).status();
    if (taken.ok()) return AlreadyExists(table_.resource_type(), NameOf(response));
    return taken.code() == absl::StatusCode::kNotFound ? absl::OkStatus() : taken;
  }
  if (rules_.inserting) {
    EMBUDO_RETURN_IF_ERROR(rules_.inserting(call, *change.after.message));
    response.CopyFrom(*change.after.message);
  }
  change.event_type = effects.event;
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  for (Change& also : effects.also) changes.push_back(std::move(also));
  return WritePlanned(call, std::move(changes), effects.statements, response);
}

absl::StatusOr<std::unique_ptr<Message>> Resource::NewRecord(const Message& request) const {
  std::unique_ptr<Message> record = table_.New();
  record->CopyFrom(request.GetReflection()->GetMessage(request, BodyField(request, table_)));
  ClearOutputOnly(record.get());
  EMBUDO_RETURN_IF_ERROR(MakeName(request, *record));
  return record;
}

absl::Status Resource::Create(const rpc::CallContext& call, const Message& request, Message& response) {
  EMBUDO_ASSIGN_OR_RETURN(std::unique_ptr<Message> record, NewRecord(request));
  return WriteNew(call, std::move(record), request, response);
}

absl::Status Resource::CreateMissing(const rpc::CallContext& call, const Message& request, Message& response) {
  // An update need not send the fields that a new record must have.
  const rpc::Validator validator(request.GetDescriptor(), rpc::RequiredScope::kEverywhere);
  EMBUDO_RETURN_IF_ERROR(validator.Check(request));
  std::unique_ptr<Message> record = table_.New();
  record->CopyFrom(request.GetReflection()->GetMessage(request, BodyField(request, table_)));
  ClearOutputOnly(record.get());
  const std::vector<std::string> ids = table_.IdsOf(*record);
  const bool valid = table_.uuid_key() ? Uuid::Parse(ids.back()).has_value() : IsSlug(ids.back());
  if (!valid) return InvalidField(BodyField(request, table_)->name() + ".name", "its id can't be that of a new record");
  return WriteNew(call, std::move(record), request, response);
}

absl::StatusOr<Resource::Mutate> Resource::UpdateOf(const Message& request) const {
  const FieldDescriptor* field = BodyField(request, table_);
  const Message& body = request.GetReflection()->GetMessage(request, field);
  EMBUDO_RETURN_IF_ERROR(ParseName(table_.pattern(), NameOf(body), field->name() + ".name").status());
  google::protobuf::FieldMask mask = MaskOf(request, body);
  if (!request.GetReflection()->HasField(request, request.GetDescriptor()->FindFieldByName("update_mask"))) {
    // Without a mask an immutable field may be sent back as it was read.
    google::protobuf::FieldMask paths;
    for (const std::string& path : mask.paths()) {
      if (!HasBehavior(body.GetDescriptor()->FindFieldByName(path), google::api::IMMUTABLE)) paths.add_paths(path);
    }
    mask = paths;
  }
  return Mutate([mask, &body, field](Message& record, Effects&) -> absl::Status {
    return ApplyMask(mask, body, field->name(), &record);
  });
}

absl::Status Resource::Update(const rpc::CallContext& call, const Message& request, Message& response) {
  EMBUDO_ASSIGN_OR_RETURN(const Mutate mutate, UpdateOf(request));
  const Message& body = request.GetReflection()->GetMessage(request, BodyField(request, table_));
  const absl::Status status =
      Modify(call, NameOf(body), GetText(body, "etag"), request, rules_.updated, mutate, response);
  if (status.code() == absl::StatusCode::kNotFound && GetFlag(request, "allow_missing")) {
    return CreateMissing(call, request, response);
  }
  return status;
}

absl::Status Resource::CheckReferences(const rpc::CallContext& call, const Message& record) const {
  const std::vector<std::string> ids = table_.IdsOf(record);
  for (const Rules::ReferencedBy& reference : rules_.referenced_by) {
    std::string sql = "SELECT count(*) FROM " + reference.table + " WHERE tenant_id = $1 AND delete_time IS NULL";
    db::Params params = db::Params::Of(call.tenant());
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string parameter = "$" + std::to_string(i + 2);
      const std::string& column = reference.columns[i];
      if (reference.set && i + 1 == ids.size()) {
        sql += " AND " + parameter + " = ANY(" + column + ")";
      } else if (column == "lead_id" || (table_.uuid_key() && i + 1 == ids.size())) {
        sql += " AND " + column + " = " + parameter + "::uuid";  // as the index has it
      } else {
        sql += " AND " + column + "::text = " + parameter;
      }
      params.Add(ids[i]);
    }
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, call.tenant(), call.deadline, sql, params));
    if (rows[0].Int(0) == 0) continue;
    const std::string text = std::to_string(rows[0].Int(0)) + " " + reference.what + " refer to " + NameOf(record);
    return Error(absl::StatusCode::kFailedPrecondition, "RESOURCE_IN_USE", text)
        .Meta("resource", NameOf(record))
        .Meta("referred_by", reference.what)
        .Violation("REFERENCE", NameOf(record), text);
  }
  return absl::OkStatus();
}

Resource::Mutate Resource::DeleteOf(const rpc::CallContext& call) const {
  return [this, &call](Message& record, Effects&) -> absl::Status {
    EMBUDO_RETURN_IF_ERROR(CheckReferences(call, record));
    SetTime(&record, "delete_time", clock_.Now());
    SetTime(&record, "purge_time", clock_.Now() + kUndeletable);
    return absl::OkStatus();
  };
}

absl::Status Resource::Delete(const rpc::CallContext& call, const Message& request, Message& response) {
  return Modify(call, NameOf(request), GetText(request, "etag"), request, rules_.deleted, DeleteOf(call), response);
}

absl::StatusOr<std::vector<Change>> Resource::Plan(const rpc::CallContext& call, const std::string& name,
                                                   const std::string& etag, type::v1::EventType event,
                                                   const Mutate& mutate, Message& response,
                                                   Writer::InTransaction* statements) const {
  EMBUDO_ASSIGN_OR_RETURN(Record before, Load(call, name));
  Effects effects;
  effects.event = event;
  auto changes = PlanOn(call, before, etag, effects, mutate, response, Reach());
  if (statements != nullptr) *statements = std::move(effects.statements);
  return changes;
}

absl::StatusOr<std::vector<Change>> Resource::PlanOn(const rpc::CallContext& call, const Record& before,
                                                     const std::string& etag, Effects& effects, const Mutate& mutate,
                                                     Message& response, Reach reach) const {
  if (!etag.empty() && etag != std::to_string(before.revision)) return StaleEtag(NameOf(*before.message));
  if (rules_.writable && !reach.readers_too) EMBUDO_RETURN_IF_ERROR(rules_.writable(call, *before.message));
  std::unique_ptr<Message> after = Copy(*before.message);
  EMBUDO_RETURN_IF_ERROR(mutate(*after, effects));
  if (rules_.prepare && !effects.prepared) {
    EMBUDO_RETURN_IF_ERROR(rules_.prepare(call, *after, before.message.get()));
  }
  std::vector<Change> changes = std::move(effects.first);
  std::optional<Change> change = ChangeOf(call, before, std::move(after), effects.event, effects.always);
  response.CopyFrom(change ? *change->after.message : *before.message);
  if (change && !effects.statements) {
    effects.statements = RenameExternally(table_, call.tenant(), *before.message, *change->after.message);
  }
  if (change && rules_.effects) {
    EMBUDO_RETURN_IF_ERROR(rules_.effects(call, response, before.message.get(), effects));
    change->event_type = effects.event;
  }
  if (change) changes.push_back(*std::move(change));
  for (Change& also : effects.also) changes.push_back(std::move(also));
  return changes;
}

absl::Status Resource::Modify(const rpc::CallContext& call, const std::string& name, const std::string& etag,
                              const Message& request, type::v1::EventType event, const Mutate& mutate,
                              Message& response, Reach reach) {
  Change key;
  key.table = &table_;
  FillRequest(call, request, &key);
  absl::Status status =
      TryModify(call, name, etag, key, GetFlag(request, "validate_only"), event, mutate, response, reach);
  if (!status.ok()) status = FirstAnswerOr(call, request, status, response);
  if (status.ok()) Derive(call, response);
  return status;
}

absl::Status Resource::TryModify(const rpc::CallContext& call, const std::string& name, const std::string& etag,
                                 const Change& key, bool validate_only, type::v1::EventType event, const Mutate& mutate,
                                 Message& response, Reach reach) {
  absl::Status last;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    EMBUDO_ASSIGN_OR_RETURN(Record before, Load(call, name, reach.deleted_too));
    Effects effects;
    effects.event = event;
    EMBUDO_ASSIGN_OR_RETURN(std::vector<Change> changes, PlanOn(call, before, etag, effects, mutate, response, reach));
    if (validate_only) return absl::OkStatus();
    if (changes.empty()) return AnswerUnchanged(call, key, before, response);
    changes[0].request_id = key.request_id;
    changes[0].request_hash = key.request_hash;
    changes[0].method = key.method;
    const bool own = NameOf(*changes[0].after.message) == NameOf(response);
    if (!own) changes[0].answer = std::shared_ptr<Message>(Copy(response));
    last = WritePlanned(call, std::move(changes), effects.statements, response);
    if (ReasonOf(last) != "VERSION_CHANGED") return last;
  }
  return last;
}

absl::Status Resource::WritePlanned(const rpc::CallContext& call, std::vector<Change> changes,
                                    const Writer::InTransaction& statements, Message& response) {
  if (changes.size() > kMostInBundle || statements) {
    return writer_.WriteTogether(call.tenant(), changes, call.deadline, statements, &response);
  }
  EMBUDO_ASSIGN_OR_RETURN(const Written written, writer_.WriteBundle(call.tenant(), std::move(changes), call.deadline));
  if (written.replayed != nullptr) response.CopyFrom(*written.replayed);
  return absl::OkStatus();
}

absl::Status Resource::AnswerUnchanged(const rpc::CallContext& call, const Change& key, const Record& record,
                                       Message& response) {
  if (key.request_id.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const bool found, writer_.FindAnswer(call.tenant(), key, &response, call.deadline));
  if (found) return absl::OkStatus();
  Change kept;
  kept.table = &table_;
  kept.request_id = key.request_id;
  kept.request_hash = key.request_hash;
  kept.method = key.method;
  kept.answer = std::shared_ptr<Message>(Copy(*record.message));
  kept.time = clock_.Now();
  return writer_.KeepAnswer(call.tenant(), kept, call.deadline);
}

}  // namespace embudo::resource
