#include "services/pipeline/storage/import_journal.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/event/event.h"

namespace embudo::pipeline::storage {
namespace {

using db::Params;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// A record with the fields at these paths only; maps whole.
std::string FieldsOf(const Message& record, const std::vector<std::string>& paths) {
  std::vector<const FieldDescriptor*> fields;
  for (const std::string& path : paths) {
    const auto* field = record.GetDescriptor()->FindFieldByName(path.substr(0, path.find('.')));
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
  }
  std::unique_ptr<Message> copy(record.New());
  copy->CopyFrom(record);
  std::unique_ptr<Message> part(record.New());
  part->GetReflection()->SwapFields(copy.get(), part.get(), fields);
  return part->SerializeAsString();
}

/// An array as PostgreSQL writes it in text: `{a,b}`. Paths have letters, digits, '_' and '.', and keys of custom
/// fields may need quotes.
std::string ArrayText(const std::vector<std::string>& items) {
  std::string text = "{";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

absl::Status JournalWrites(db::Connection& connection, const std::string& tenant, const std::string& import,
                           const std::vector<resource::Change>& changes) {
  std::vector<std::string> records;
  std::vector<std::string> created;
  std::vector<std::string> revisions;
  std::vector<std::string> fields;
  std::vector<std::optional<std::string>> before;
  std::vector<std::optional<std::string>> after;
  for (const resource::Change& change : changes) {
    const bool is_new = change.previous == nullptr;
    records.push_back(resource::NameOf(*change.after.message));
    created.emplace_back(is_new ? "t" : "f");
    revisions.push_back(std::to_string(change.after.revision));
    fields.push_back(ArrayText(is_new ? std::vector<std::string>() : change.changed_fields));
    before.push_back(is_new ? std::nullopt : std::optional(FieldsOf(*change.previous, change.changed_fields)));
    after.push_back(is_new ? std::nullopt : std::optional(FieldsOf(*change.after.message, change.changed_fields)));
  }
  return connection
      .Exec(
          "INSERT INTO pipeline.import_write (tenant_id, import_id, record, created, revision, fields, before, after)"
          " SELECT $1, $2::uuid, w.record, w.created, w.revision, w.fields::text[], w.before, w.after"
          " FROM unnest($3::text[], $4::boolean[], $5::bigint[], $6::text[], $7::bytea[], $8::bytea[])"
          " WITH ORDINALITY AS w (record, created, revision, fields, before, after, ord) ORDER BY ord",
          Params::Of(tenant, import, records, created, revisions, fields).AddBytes(before).AddBytes(after))
      .status();
}

absl::StatusOr<std::map<std::string, std::vector<ImportWrite>>> LastWrites(db::Pool& pool, const std::string& tenant,
                                                                           const std::string& import, int limit,
                                                                           db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "WITH last AS MATERIALIZED (SELECT DISTINCT record FROM (SELECT record FROM pipeline.import_write"
               " WHERE tenant_id = $1 AND import_id = $2::uuid AND undo_id IS NULL ORDER BY seq DESC LIMIT $3::int) l)"
               " SELECT w.seq, w.record, w.created, w.revision, array_to_string(w.fields, E'\\n'),"
               " coalesce(w.before, ''), coalesce(w.after, '') FROM last JOIN pipeline.import_write w USING (record)"
               " WHERE w.tenant_id = $1 AND w.import_id = $2::uuid AND w.undo_id IS NULL ORDER BY w.seq",
               Params::Of(tenant, import, limit)));
  std::map<std::string, std::vector<ImportWrite>> writes;
  for (int i = 0; i < rows.size(); ++i) {
    ImportWrite write;
    write.seq = rows[i].Int(0);
    write.record = rows[i].Text(1);
    write.created = rows[i].Bool(2);
    write.revision = rows[i].Int(3);
    write.fields = Lines(std::string(rows[i].Text(4)));
    write.before = rows[i].Bytes(5);
    write.after = rows[i].Bytes(6);
    writes[write.record].push_back(std::move(write));
  }
  return writes;
}

absl::Status SettleWrites(db::Connection& connection, const std::string& tenant, const std::string& import,
                          const std::string& undo, const std::vector<Settled>& records) {
  std::vector<std::string> names;
  std::vector<std::string> outcomes;
  std::vector<std::string> reasons;
  std::vector<std::string> fields;
  for (const Settled& record : records) {
    names.push_back(record.record);
    outcomes.push_back(record.outcome);
    reasons.push_back(record.kept_reason);
    fields.push_back(ArrayText(record.kept_fields));
  }
  return connection
      .Exec(
          "UPDATE pipeline.import_write w SET undo_id = $3::uuid, outcome = s.outcome, kept_reason = s.reason,"
          " kept_fields = s.fields::text[] FROM unnest($4::text[], $5::text[], $6::text[], $7::text[])"
          " AS s (record, outcome, reason, fields) WHERE w.tenant_id = $1 AND w.import_id = $2::uuid"
          " AND w.record = s.record AND w.undo_id IS NULL",
          Params::Of(tenant, import, undo, names, outcomes, reasons, fields))
      .status();
}

absl::StatusOr<UndoFigures> FiguresOf(db::Pool& pool, const std::string& tenant, const std::string& import,
                                      const std::string& undo, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result counts,
                          db::Exec(pool, tenant, deadline,
                                   "SELECT count(DISTINCT record) FILTER (WHERE outcome = 'DELETED'),"
                                   " count(DISTINCT record) FILTER (WHERE outcome = 'RESTORED'),"
                                   " count(DISTINCT record) FILTER (WHERE kept_reason <> '') FROM pipeline.import_write"
                                   " WHERE tenant_id = $1 AND import_id = $2::uuid AND undo_id = $3::uuid",
                                   Params::Of(tenant, import, undo)));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "SELECT DISTINCT record, outcome, kept_reason, array_to_string(kept_fields, E'\\n')"
               " FROM pipeline.import_write WHERE tenant_id = $1 AND import_id = $2::uuid AND undo_id = $3::uuid"
               " AND kept_reason <> '' ORDER BY record LIMIT 1000",
               Params::Of(tenant, import, undo)));
  UndoFigures figures{counts[0].Int(0), counts[0].Int(1), counts[0].Int(2), {}};
  for (int i = 0; i < rows.size(); ++i) {
    figures.kept_records.push_back({std::string(rows[i].Text(0)), std::string(rows[i].Text(1)),
                                    std::string(rows[i].Text(2)), Lines(std::string(rows[i].Text(3)))});
  }
  return figures;
}

absl::Status RecordImportStep(db::Pool& pool, const std::string& tenant, const std::string& step,
                              const type::v1::Event& event, db::Deadline deadline) {
  return db::Exec(pool, tenant, deadline,
                  "WITH recorded AS (INSERT INTO pipeline.import_step (tenant_id, import_id, step)"
                  " VALUES ($1, $2::uuid, $3) ON CONFLICT DO NOTHING RETURNING step), logged AS (INSERT INTO"
                  " pipeline.event (tenant_id, day, seq, event_id, partition, data) SELECT $1,"
                  " ($4::timestamptz AT TIME ZONE 'UTC')::date, nextval('pipeline.event_seq'), $5::uuid,"
                  " p.first_partition + $6::bigint % p.partition_count, $7::bytea FROM recorded CROSS JOIN"
                  " pipeline.event_epoch p WHERE p.close_time IS NULL RETURNING partition, seq, day)"
                  " INSERT INTO pipeline.event_pending (partition, seq, day, tenant_id)"
                  " SELECT partition, seq, day, $1 FROM logged",
                  Params::Of(tenant, event.partition_key(), step, FromTimestamp(event.time()), event.id(),
                             int64_t{event::HashOf(tenant, event.partition_key())})
                      .AddBytes(event.SerializeAsString()))
      .status();
}

absl::StatusOr<int64_t> KeepStays(db::Connection& connection, const std::string& tenant, const std::string& import,
                                  const std::vector<Stay>& stays) {
  std::vector<std::string> leads;
  std::vector<std::string> stages;
  std::vector<std::string> times;
  for (const Stay& stay : stays) {
    leads.push_back(stay.lead_id);
    stages.push_back(stay.stage);
    times.push_back(FormatTime(stay.enter_time));
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result result,
      connection.Exec("INSERT INTO pipeline.imported_stay (tenant_id, lead_id, enter_time, stage, import_id)"
                      " SELECT $1, s.lead_id, s.enter_time, s.stage, $2::uuid"
                      " FROM unnest($3::uuid[], $4::text[], $5::timestamptz[]) AS s (lead_id, stage, enter_time)"
                      " ON CONFLICT DO NOTHING",
                      Params::Of(tenant, import, leads, stages, times)));
  return result.affected();
}

absl::StatusOr<std::vector<Stay>> StaysOf(db::Pool& pool, const std::string& tenant, const std::string& lead_id,
                                          db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, tenant, deadline,
                                                          "SELECT stage, enter_time FROM pipeline.imported_stay"
                                                          " WHERE tenant_id = $1 AND lead_id = $2::uuid"
                                                          " ORDER BY enter_time",
                                                          Params::Of(tenant, lead_id)));
  std::vector<Stay> stays;
  for (int i = 0; i < rows.size(); ++i) stays.push_back({lead_id, std::string(rows[i].Text(0)), rows[i].TimeAt(1)});
  return stays;
}

absl::StatusOr<std::vector<bool>> KnowsStays(db::Pool& pool, const std::string& tenant, const std::vector<Stay>& stays,
                                             db::Deadline deadline) {
  std::vector<std::string> leads;
  std::vector<std::string> times;
  for (const Stay& stay : stays) {
    leads.push_back(stay.lead_id);
    times.push_back(FormatTime(stay.enter_time));
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline,
               "SELECT EXISTS (SELECT 1 FROM pipeline.imported_stay k WHERE k.tenant_id = $1"
               " AND k.lead_id = s.lead_id AND k.enter_time = s.enter_time)"
               " FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS s (lead_id, enter_time, ord) ORDER BY"
               " ord",
               Params::Of(tenant, leads, times)));
  std::vector<bool> known;
  for (int i = 0; i < rows.size(); ++i) known.push_back(rows[i].Bool(0));
  return known;
}

absl::StatusOr<int64_t> RemoveStays(db::Pool& pool, const std::string& tenant, const std::string& import,
                                    db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result result,
                          db::Exec(pool, tenant, deadline,
                                   "DELETE FROM pipeline.imported_stay WHERE tenant_id = $1 AND import_id = $2::uuid",
                                   Params::Of(tenant, import)));
  return result.affected();
}

}  // namespace embudo::pipeline::storage
