#include "common/resource/writer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/waiting.h"
#include "common/db/error.h"
#include "common/event/event.h"
#include "common/event/limits.h"
#include "common/resource/answers.h"
#include "common/resource/rows.h"

namespace embudo::resource {
namespace {

using google::protobuf::Message;

std::string Join(const std::vector<std::string>& items, const std::string& prefix, const std::string& separator) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += separator;
    out += prefix;
    out += item;
  }
  return out;
}

std::string KeyExpression(const Table& table, const std::string& alias) {
  std::string out;
  for (const std::string& column : table.key_columns()) {
    if (!out.empty()) out += " || '/' || ";
    out += alias + "." + column + "::text";
  }
  return out;
}

// Every column that a write sets; the tenant and the counters are no columns of the resource.
std::vector<std::string> WrittenColumns(const Table& table) {
  std::vector<std::string> columns = {"tenant_id"};
  for (const std::string& column : table.columns()) {
    if (column != "tenant_id") columns.push_back(column);  // a tenant's own id
  }
  columns.emplace_back("revision");
  columns.emplace_back("version");
  return columns;
}

bool KeepsHistory(const Table& table, bool with_events) { return with_events && !table.history().empty(); }
bool HasExternalIds(const Table& table) { return table.FindField("external_ids") != nullptr; }

std::string WrittenPart(const Table& table, bool insert) {
  const std::vector<std::string> columns = WrittenColumns(table);
  const std::string rows = "unnest($2::" + table.name() + "[])";
  const std::string key = KeyExpression(table, "r");
  if (insert) {
    return "INSERT INTO " + table.name() + " (" + Join(columns, "", ", ") + ") SELECT " + Join(columns, "r.", ", ") +
           " FROM " + rows + " AS r JOIN fresh ON fresh.key = " + key + " RETURNING " +
           KeyExpression(table, table.name()) + " AS key";
  }
  std::string set;
  for (const std::string& column : columns) {
    if (column == "tenant_id" ||
        std::find(table.key_columns().begin(), table.key_columns().end(), column) != table.key_columns().end()) {
      continue;
    }
    if (!set.empty()) set += ", ";
    set += column + " = r." + column;
  }
  std::string match = "t.tenant_id = $1";
  for (const std::string& column : table.key_columns()) match += " AND t." + column + " = r." + column;
  return "UPDATE " + table.name() + " AS t SET " + set + " FROM " + rows + " AS r JOIN fresh ON fresh.key = " + key +
         " WHERE " + match + " AND t.version = fresh.expected_version RETURNING fresh.key AS key";
}

absl::Status VersionChanged() {
  return Error(absl::StatusCode::kAborted, "VERSION_CHANGED", "the record has just been changed");
}

const Message& AnswerOf(const Change& change) {
  return change.answer == nullptr ? *change.after.message : *change.answer;
}

/// What the place in the log adds to an event.
constexpr size_t kPlaceBytes = 32;

/// The bytes of each field of a record within a message, by the field's path.
void AddSizes(const type::v1::Resource& resource, std::map<std::string, size_t>* sizes) {
  const Message* record = RecordIn(resource);
  if (record == nullptr) return;
  const auto* oneof = type::v1::Resource::descriptor()->oneof_decl(0);
  const std::string& kind = resource.GetReflection()->GetOneofFieldDescriptor(resource, oneof)->name();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  record->GetReflection()->ListFields(*record, &set);
  for (const auto* field : set) {
    std::unique_ptr<Message> copy(record->New());
    std::unique_ptr<Message> alone(record->New());
    copy->CopyFrom(*record);
    alone->GetReflection()->SwapFields(copy.get(), alone.get(), {field});
    (*sizes)[kind + "." + field->name()] += alone->ByteSizeLong();
  }
}

/// INVALID_ARGUMENT, reason EVENT_TOO_LARGE, naming the fields that make it so.
absl::Status EventTooLarge(const type::v1::Event& event, size_t bytes) {
  const std::string limit = std::to_string(event::kLargestEvent);
  Error error(absl::StatusCode::kInvalidArgument, "EVENT_TOO_LARGE",
              "the event of this change would have " + std::to_string(bytes) + " bytes; " + limit +
                  " are the most, for the record after the change and what changed of it before");
  error.Meta("bytes", std::to_string(bytes)).Meta("limit", limit);
  std::map<std::string, size_t> sizes;
  AddSizes(event.data(), &sizes);
  AddSizes(event.previous(), &sizes);
  for (const auto& [path, size] : sizes) {
    if (size * 8 >= bytes) error.Field(path, "has " + std::to_string(size) + " bytes in the event");
  }
  return error;
}

AnswerKey KeyOfAnswer(const std::string& tenant, const Change& change) {
  return {change.table->schema(), tenant, change.request_id, change.request_hash, change.method};
}

/// Collects the parameters of a write statement, one array element a change.
class Arrays {
 public:
  Arrays(const Table& table, const std::string& tenant, bool with_events, Rows rows)
      : table_(table), tenant_(tenant), with_events_(with_events), rows_(std::move(rows)) {}

  absl::Status Add(const Change& change) {
    rows_.Add(tenant_, change.after);
    keys_.push_back(table_.KeyOf(*change.after.message));
    versions_.push_back(std::to_string(change.expected_version));
    methods_.push_back(change.method);
    times_.push_back(FormatTime(change.time));
    AddAnswer(change);
    EMBUDO_RETURN_IF_ERROR(AddEvent(change));
    for (const auto& [system, external_id] : change.new_external_ids) {
      named_keys_.push_back(keys_.back());
      systems_.push_back(system);
      external_ids_.push_back(external_id);
    }
    return absl::OkStatus();
  }

  db::Params Finish() const {
    db::Params params = db::Params::Of(tenant_, rows_.Finish(), keys_, versions_, requests_);
    params.AddBytes(hashes_)
        .Add(methods_)
        .AddBytes(answers_)
        .Add(events_)
        .Add(hashes_of_keys_)
        .AddBytes(data_)
        .Add(times_);
    if (HasExternalIds(table_)) params.Add(named_keys_).Add(systems_).Add(external_ids_);
    if (KeepsHistory(table_, with_events_)) params.AddBytes(history_);
    return params;
  }

 private:
  using Optionals = std::vector<std::optional<std::string>>;

  void AddAnswer(const Change& change) {
    const bool repeatable = !change.request_id.empty();
    requests_.push_back(repeatable ? std::optional(change.request_id) : std::nullopt);
    hashes_.push_back(repeatable ? std::optional(change.request_hash) : std::nullopt);
    answers_.push_back(repeatable ? std::optional(AnswerOf(change).SerializeAsString()) : std::nullopt);
  }

  absl::Status AddEvent(const Change& change) {
    const Uuid id = Uuid::V7(change.time);
    events_.push_back(id.ToString());
    hashes_of_keys_.push_back(std::to_string(event::HashOf(tenant_, change.partition_key)));
    if (!with_events_) {
      data_.emplace_back();
      return absl::OkStatus();
    }
    const type::v1::Event event = EventOf(change, tenant_, id);
    data_.emplace_back(event.SerializeAsString());
    if (data_.back()->size() > event::kLargestEvent - kPlaceBytes) return EventTooLarge(event, data_.back()->size());
    // The creation is told by the record itself.
    const bool kept = KeepsHistory(table_, with_events_) && change.previous != nullptr;
    history_.push_back(kept ? std::optional(HistoryOf(event).SerializeAsString()) : std::nullopt);
    return absl::OkStatus();
  }

  const Table& table_;
  const std::string& tenant_;
  const bool with_events_;
  Rows rows_;
  std::vector<std::string> keys_, versions_, methods_, events_, hashes_of_keys_, times_;
  std::vector<std::string> named_keys_, systems_, external_ids_;
  Optionals requests_, hashes_, answers_, data_, history_;
};

/// Runs the write statement of these changes on a connection. The keys of the records that were written.
absl::StatusOr<std::set<std::string>> RunStatement(db::Connection& connection, const std::string& tenant,
                                                   const std::vector<const Change*>& changes) {
  const Table& table = *changes[0]->table;
  const bool insert = changes[0]->expected_version == 0;
  const bool with_events = changes[0]->event_type != type::v1::EVENT_TYPE_UNSPECIFIED;
  EMBUDO_ASSIGN_OR_RETURN(Rows rows, Rows::For(connection, table));
  Arrays arrays(table, tenant, with_events, std::move(rows));
  for (const Change* change : changes) EMBUDO_RETURN_IF_ERROR(arrays.Add(*change));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result result,
                          connection.Exec(WriteStatement(table, insert, with_events), arrays.Finish()));
  std::set<std::string> written;
  for (int i = 0; i < result.size(); ++i) written.emplace(result[i].Text(0));
  return written;
}

/// Whether one statement takes both.
bool SameStatement(const Change& a, const Change& b) {
  return a.table == b.table && (a.expected_version == 0) == (b.expected_version == 0);
}

/// Whether the two are the same kinds of changes in the same order.
bool SameShape(const std::vector<Change>& some, const std::vector<Change>& others) {
  return std::equal(some.begin(), some.end(), others.begin(), others.end(), SameStatement);
}

std::string KeyOf(const Change& change) {
  return change.table->name() + "/" + change.table->KeyOf(*change.after.message);
}

/// The record by whose lock bundles would wait for each other.
std::string LockOf(const std::vector<Change>& changes) {
  const auto old =
      std::find_if(changes.begin(), changes.end(), [](const Change& change) { return change.expected_version != 0; });
  return KeyOf(old == changes.end() ? changes[0] : *old);
}

/// Writes changes in the order given, in the transaction that is open. VERSION_CHANGED if some were not written, which
/// go into `missed`: their records have changed, or their request_id was used before.
absl::Status WriteInOrder(db::Connection& connection, const std::string& tenant,
                          const std::vector<const Change*>& changes, std::set<const Change*>* missed) {
  for (auto group = changes.begin(); group != changes.end();) {
    const Change& first = **group;
    const auto end =
        std::find_if(group, changes.end(), [&](const Change* change) { return !SameStatement(*change, first); });
    const std::vector<const Change*> members(group, end);
    const auto written = RunStatement(connection, tenant, members);
    if (written.status().code() == absl::StatusCode::kAlreadyExists &&
        db::ConstraintOf(written.status()) != "request_pkey") {
      return AlreadyExists(first.table->resource_type(), NameOf(*first.after.message));
    }
    if (!written.ok()) return written.status();
    if (written->size() != members.size()) {
      for (const Change* change : members) {
        if (!written->contains(change->table->KeyOf(*change->after.message))) missed->insert(change);
      }
      return VersionChanged();
    }
    group = end;
  }
  return absl::OkStatus();
}

/// The same in a transaction of its own, with what else belongs to it.
absl::Status WriteTransaction(db::Pool& pool, const std::string& tenant, const std::vector<const Change*>& changes,
                              db::Deadline deadline, const Writer::InTransaction& also,
                              std::set<const Change*>* missed) {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool.Acquire(tenant, deadline));
  EMBUDO_RETURN_IF_ERROR(lease->ExecScript("BEGIN"));
  absl::Status status = WriteInOrder(*lease, tenant, changes, missed);
  if (status.ok() && also) status = also(*lease);
  if (status.ok()) status = lease->ExecScript("COMMIT");
  if (!status.ok() && !lease->broken()) lease->ExecScript("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace

std::string WriteStatement(const Table& table, bool insert, bool with_events) {
  const std::string& schema = table.schema();
  std::string sql =
      "WITH change AS MATERIALIZED (SELECT * FROM unnest($3::text[], $4::bigint[], $5::uuid[], $6::bytea[], $7::text[],"
      " $8::bytea[], $9::uuid[], $10::bigint[], $11::bytea[], $12::timestamptz[]) WITH ORDINALITY"
      " AS c(key, expected_version, request_id, request_hash, method, response, event_id, hash, data, time, "
      "ord)),\n"
      "fresh AS MATERIALIZED (SELECT * FROM change WHERE request_id IS NULL OR NOT EXISTS (SELECT 1 FROM " +
      schema + ".request q WHERE q.tenant_id = $1 AND q.request_id = change.request_id)),\nwritten AS (" +
      WrittenPart(table, insert) + "),\nrequested AS (INSERT INTO " + schema +
      ".request (tenant_id, request_id, method, body_hash, response, create_time)"
      " SELECT $1, c.request_id, c.method, c.request_hash, c.response, c.time FROM written JOIN change c USING (key)"
      " WHERE c.request_id IS NOT NULL)";
  if (HasExternalIds(table)) {
    const std::string& id = table.key_columns().back();
    sql += ",\nnamed AS (INSERT INTO " + table.name() + "_external_id (tenant_id, system, external_id, " + id +
           ") SELECT $1, x.system, x.external_id, x.key::uuid FROM unnest($13::text[], $14::text[], $15::text[])"
           " AS x(key, system, external_id) JOIN written USING (key))";
  }
  if (with_events) {
    // The written rows come first, so their locks are held when seq is drawn.
    sql += ",\nlogged AS (INSERT INTO " + schema +
           ".event (tenant_id, day, seq, event_id, partition, data)"
           " SELECT $1, (c.time AT TIME ZONE 'UTC')::date, nextval('" +
           schema +
           ".event_seq'), c.event_id, p.first_partition + c.hash % p.partition_count, c.data"
           " FROM written JOIN change c USING (key) CROSS JOIN " +
           schema +
           ".event_epoch p WHERE p.close_time IS NULL ORDER BY c.ord"
           " RETURNING partition, seq, day, event_id),\npending AS (INSERT INTO " +
           schema + ".event_pending (partition, seq, day, tenant_id) SELECT partition, seq, day, $1 FROM logged)";
  }
  if (KeepsHistory(table, with_events)) {
    sql += ",\nkept AS (INSERT INTO " + table.history() + " (tenant_id, " + table.key_columns().back() +
           ", seq, time, data) SELECT $1, c.key::uuid, l.seq, c.time, h.data FROM unnest(" +
           (HasExternalIds(table) ? "$16" : "$13") +
           "::bytea[]) WITH ORDINALITY AS h(data, ord) JOIN change c USING (ord) JOIN logged l USING (event_id)"
           " WHERE h.data IS NOT NULL)";
  }
  return sql + "\nSELECT key FROM written";
}

Writer::Writer(db::Pool& pool, Options options)
    : pool_(pool),
      options_(options),
      groups_(
          options.parallel, [this] { return NewGroup(); },
          [this](const std::vector<Bundle*>& group) { return WriteGroup(group); }) {}

absl::StatusOr<Written> Writer::Write(const std::string& tenant, Change change, db::Deadline deadline) {
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  return WriteBundle(tenant, std::move(changes), deadline);
}

absl::StatusOr<Written> Writer::WriteBundle(const std::string& tenant, std::vector<Change> changes,
                                            db::Deadline deadline) {
  std::vector<std::vector<Change>> bundles;
  bundles.push_back(std::move(changes));
  return std::move(WriteBundles(tenant, std::move(bundles), deadline)[0]);
}

std::vector<absl::StatusOr<Written>> Writer::WriteBundles(const std::string& tenant,
                                                          std::vector<std::vector<Change>> bundles,
                                                          db::Deadline deadline) {
  std::deque<Bundle> waiting;
  std::vector<Bundle*> items;
  for (std::vector<Change>& changes : bundles) {
    items.push_back(&waiting.emplace_back(Bundle{tenant, std::move(changes), deadline}));
  }
  const std::vector<absl::Status> statuses = [&] {
    const Waiting for_the_group;
    return groups_.DoAll(items);
  }();
  std::vector<absl::StatusOr<Written>> outcomes;
  for (size_t i = 0; i < items.size(); ++i) outcomes.push_back(OutcomeOf(*items[i], statuses[i]));
  return outcomes;
}

absl::StatusOr<Written> Writer::OutcomeOf(const Bundle& bundle, const absl::Status& status) {
  Written written;
  if (status.ok() && bundle.written) return written;
  const Change& first = bundle.changes[0];
  // Two calls with one request_id at the same moment, of which the other has won: this is the repeat.
  const bool repeated = status.ok() ? !first.request_id.empty() : db::ConstraintOf(status) == "request_pkey";
  if (!repeated && status.code() == absl::StatusCode::kAlreadyExists && bundle.changes.size() == 1) {
    return AlreadyExists(first.table->resource_type(), NameOf(*first.after.message));
  }
  if (!repeated) return status.ok() ? VersionChanged() : status;
  written.replayed = first.answer == nullptr ? first.table->New() : std::unique_ptr<Message>(first.answer->New());
  EMBUDO_ASSIGN_OR_RETURN(const bool found, FindAnswer(bundle.tenant, first, written.replayed.get(), bundle.deadline));
  if (!found) return VersionChanged();  // no repeat, then
  return written;
}

Grouping<Writer::Bundle>::Joins Writer::NewGroup() const {
  struct Group {
    const Bundle* first = nullptr;
    size_t changes = 0;
    std::set<std::string> keys;
    std::set<std::string> requests;
  };
  return [this, group = std::make_shared<Group>()](const Bundle& bundle) {
    if (group->first == nullptr) group->first = &bundle;
    if (group->changes >= options_.group_size || bundle.tenant != group->first->tenant) return false;
    if (!SameShape(bundle.changes, group->first->changes)) return false;
    const std::string& request_id = bundle.changes[0].request_id;
    if (!request_id.empty() && group->requests.contains(request_id)) return false;
    const bool met = std::any_of(bundle.changes.begin(), bundle.changes.end(),
                                 [&](const Change& change) { return group->keys.contains(KeyOf(change)); });
    if (met) return false;
    if (!request_id.empty()) group->requests.insert(request_id);
    for (const Change& change : bundle.changes) group->keys.insert(KeyOf(change));
    group->changes += bundle.changes.size();
    return true;
  };
}

absl::Status Writer::WriteGroup(const std::vector<Bundle*>& group) {
  std::vector<const Change*> firsts;
  db::Deadline deadline = db::Deadline::min();
  for (const Bundle* bundle : group) {
    firsts.push_back(&bundle->changes[0]);
    deadline = std::max(deadline, bundle->deadline);
  }
  const bool bundles = group[0]->changes.size() > 1;
  EMBUDO_ASSIGN_OR_RETURN(const auto written,
                          bundles ? CommitBundles(group, deadline) : Commit(group[0]->tenant, firsts, deadline));
  for (Bundle* bundle : group) {
    const Change& first = bundle->changes[0];
    bundle->written = written.contains(first.table->KeyOf(*first.after.message));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> Writer::CommitBundles(const std::vector<Bundle*>& group, db::Deadline deadline) {
  std::vector<Bundle*> going = group;
  // Groups that meet in some records take their locks in one order.
  std::sort(going.begin(), going.end(),
            [](const Bundle* a, const Bundle* b) { return LockOf(a->changes) < LockOf(b->changes); });
  while (!going.empty()) {
    std::vector<const Change*> changes;
    for (size_t place = 0; place < group[0]->changes.size(); ++place) {
      for (const Bundle* bundle : going) changes.push_back(&bundle->changes[place]);
    }
    std::set<const Change*> missed;
    const absl::Status status = WriteTransaction(pool_, group[0]->tenant, changes, deadline, {}, &missed);
    if (status.ok()) break;
    if (missed.empty() && status.code() == absl::StatusCode::kAborted && db::IsRetryable(status) &&
        std::chrono::steady_clock::now() < deadline) {
      continue;
    }
    if (missed.empty()) return status;
    // The others go without them.
    std::erase_if(going, [&](const Bundle* bundle) {
      return std::any_of(bundle->changes.begin(), bundle->changes.end(),
                         [&](const Change& change) { return missed.contains(&change); });
    });
  }
  std::set<std::string> keys;
  std::set<const Table*> tables;
  for (const Bundle* bundle : going) {
    keys.insert(bundle->changes[0].table->KeyOf(*bundle->changes[0].after.message));
    for (const Change& change : bundle->changes) tables.insert(change.table);
  }
  if (on_commit_) {
    for (const Table* table : tables) on_commit_(group[0]->tenant, *table);
  }
  return keys;
}

absl::StatusOr<std::set<std::string>> Writer::Commit(const std::string& tenant,
                                                     const std::vector<const Change*>& changes, db::Deadline deadline) {
  // A commit whose outcome is unknown may be repeated only where a request_id makes the repeat harmless.
  const bool repeatable =
      std::all_of(changes.begin(), changes.end(), [](const Change* change) { return !change->request_id.empty(); });
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(tenant, deadline));
    auto written = RunStatement(*lease, tenant, changes);
    if (written.ok()) {
      if (on_commit_) on_commit_(tenant, *changes[0]->table);
      return written;
    }
    // What was planned on a record that is no longer so has to be planned anew.
    const bool stale = ReasonOf(written.status()) == "VERSION_CHANGED";
    const bool again = (written.status().code() == absl::StatusCode::kAborted && !stale) ||
                       (repeatable && written.status().code() == absl::StatusCode::kUnavailable);
    if (!again || std::chrono::steady_clock::now() > deadline) return written;
  }
}

absl::Status Writer::WriteAll(const std::string& tenant, const std::vector<Change>& changes, db::Deadline deadline,
                              const InTransaction& also) {
  std::vector<const Change*> all;
  for (const Change& change : changes) all.push_back(&change);
  return WriteAll(tenant, all, deadline, also);
}

absl::Status Writer::WriteAll(const std::string& tenant, const std::vector<const Change*>& changes,
                              db::Deadline deadline, const InTransaction& also) {
  if (changes.empty()) return absl::OkStatus();
  absl::Status status;
  do {
    status = TryAll(tenant, changes, deadline, also);
    // Two that lock the same records in another order: one of them goes again.
  } while (status.code() == absl::StatusCode::kAborted && db::IsRetryable(status) &&
           std::chrono::steady_clock::now() < deadline);
  if (!status.ok()) return status;
  std::set<const Table*> tables;
  for (const Change* change : changes) tables.insert(change->table);
  if (on_commit_) {
    for (const Table* table : tables) on_commit_(tenant, *table);
  }
  return absl::OkStatus();
}

absl::Status Writer::TryAll(const std::string& tenant, const std::vector<const Change*>& changes, db::Deadline deadline,
                            const InTransaction& also) {
  std::set<const Change*> missed;
  return WriteTransaction(pool_, tenant, changes, deadline, also, &missed);
}

absl::Status Writer::WriteTogether(const std::string& tenant, const std::vector<Change>& changes, db::Deadline deadline,
                                   const InTransaction& also, Message* answer) {
  absl::Status status = WriteAll(tenant, changes, deadline, also);
  if (status.ok() || changes.empty() || changes[0].request_id.empty()) return status;
  EMBUDO_ASSIGN_OR_RETURN(const bool found, FindAnswer(tenant, changes[0], answer, deadline));
  return found ? absl::OkStatus() : status;
}

absl::StatusOr<bool> Writer::FindAnswer(const std::string& tenant, const Change& change, Message* answer,
                                        db::Deadline deadline) {
  bool found = false;
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(pool_, tenant, deadline, [&](db::Connection& connection) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(found, resource::FindAnswer(connection, KeyOfAnswer(tenant, change), answer));
    return absl::OkStatus();
  }));
  return found;
}

absl::Status Writer::KeepAnswer(const std::string& tenant, const Change& change, db::Deadline deadline) {
  return db::RunInTx(pool_, tenant, deadline, [&](db::Connection& connection) {
    return resource::KeepAnswer(connection, KeyOfAnswer(tenant, change), AnswerOf(change), change.time, false);
  });
}

}  // namespace embudo::resource
