// The erasure of what is derived from the records: jobs, and the tables of serialised messages.

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "embudo/type/v1/event.pb.h"
#include "services/pipeline/storage/erasure_store.h"

namespace embudo::pipeline::storage {
namespace {

using google::protobuf::Message;

constexpr char kJobColumns[] = "tenant_id, erasure_id, actor, names, addresses, step, after, partitions::text[]";

std::vector<std::string> Texts(const std::vector<int>& numbers) {
  std::vector<std::string> out;
  for (const int number : numbers) out.push_back(std::to_string(number));
  return out;
}

std::string Join(size_t count, const char* separator, const std::function<std::string(size_t)>& item) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += (i > 0 ? separator : "") + item(i);
  return out;
}

/// The next rows after a key, in order, each with its data if a mark of the person is in it.
std::string ReadSql(const Blobs& blobs) {
  const size_t keys = blobs.keys.size();
  const auto column = [&](size_t i) { return std::string(blobs.keys[i].column); };
  const std::string columns = Join(keys, ", ", column);
  const std::string more = blobs.method != nullptr                        ? ", method"
                           : std::string(blobs.table) == "pipeline.event" ? ", partition, event_id"
                                                                          : "";
  return "SELECT " + Join(keys, ", ", [&](size_t i) { return "c." + column(i) + "::text"; }) +
         ", CASE WHEN EXISTS (SELECT FROM unnest($2::bytea[]) AS m(mark) WHERE position(mark IN c." + blobs.data +
         ") > 0) THEN c." + blobs.data + " END" + more + " FROM (SELECT " + columns + ", " + blobs.data + more +
         " FROM " + blobs.table + " WHERE tenant_id = $1 AND (" + columns + ") > (" +
         Join(keys, ", ",
              [&](size_t i) { return "$" + std::to_string(i + 4) + "::" + std::string(blobs.keys[i].type); }) +
         ") ORDER BY " + columns + " LIMIT $3::int) c ORDER BY " +
         Join(keys, ", ", [&](size_t i) { return "c." + column(i); });
}

std::string WriteSql(const Blobs& blobs) {
  const size_t keys = blobs.keys.size();
  const auto column = [&](size_t i) { return std::string(blobs.keys[i].column); };
  return std::string("UPDATE ") + blobs.table + " AS t SET " + blobs.data + " = n.data FROM unnest($2::bytea[], " +
         Join(keys, ", ",
              [&](size_t i) { return "$" + std::to_string(i + 3) + "::" + std::string(blobs.keys[i].type) + "[]"; }) +
         ") AS n(data, " + Join(keys, ", ", column) + ") WHERE t.tenant_id = $1" +
         Join(keys, "", [&](size_t i) { return " AND t." + column(i) + " = n." + column(i); });
}

std::unique_ptr<Message> MessageOf(const std::string& method) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const auto* service = pool->FindServiceByName(method.substr(0, method.find('/')));
  const auto* found = service == nullptr ? nullptr : service->FindMethodByName(method.substr(method.find('/') + 1));
  if (found == nullptr) return nullptr;
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(found->output_type())->New());
}

/// The bytes without the person; nullopt if nothing of the person is in them.
std::optional<std::string> Rewrite(const Blobs& blobs, const db::Row& row, const privacy::Person& person) {
  const size_t keys = blobs.keys.size();
  const std::string bytes = row.Bytes(static_cast<int>(keys));
  if (blobs.method != nullptr) {
    const std::unique_ptr<Message> answer = MessageOf(std::string(row.Text(static_cast<int>(keys) + 1)));
    // What nobody can read tells nobody what it holds: an empty answer is none.
    if (answer == nullptr || !answer->ParseFromString(bytes)) return "";
    return privacy::RedactIn(person, answer.get()) ? std::optional(answer->SerializeAsString()) : std::nullopt;
  }
  type::v1::Event event;
  if (!event.ParseFromString(bytes)) return "";
  // A history's row has its record's name in its key alone.
  const bool history = std::string(blobs.table) == "pipeline.lead_history" && event.data().has_lead();
  if (history) event.mutable_data()->mutable_lead()->set_name("leads/" + std::string(row.Text(0)));
  const bool changed = privacy::RedactIn(person, &event);
  if (history) event.mutable_data()->mutable_lead()->clear_name();
  return changed ? std::optional(event.SerializeAsString()) : std::nullopt;
}

}  // namespace

const std::vector<Blobs>& AllBlobs() {
  static const auto& all = *new std::vector<Blobs>{
      {"pipeline.event", {{"day", "date", "-infinity"}, {"seq", "bigint", "-1"}}, "data"},
      {"pipeline.lead_history",
       {{"lead_id", "uuid", "00000000-0000-0000-0000-000000000000"}, {"seq", "bigint", "-1"}},
       "data"},
      {"pipeline.subscription_lane",
       {{"subscription_id", "text", ""}, {"partition", "smallint", "-1"}, {"position", "bigint", "-1"}},
       "data"},
      {"pipeline.request", {{"request_id", "uuid", "00000000-0000-0000-0000-000000000000"}}, "response", "method"}};
  return all;
}

absl::StatusOr<Rewritten> RewriteBlobs(db::Connection& connection, const std::string& tenant, const Blobs& blobs,
                                       const privacy::Person& person, const std::vector<std::string>& after,
                                       int limit) {
  const size_t keys = blobs.keys.size();
  std::vector<std::optional<std::string>> marks;
  for (const std::string& mark : person.Marks()) marks.emplace_back(mark);
  db::Params params = db::Params::Of(tenant).AddBytes(marks).Add(limit);
  for (size_t i = 0; i < keys; ++i) params.Add(after.empty() ? std::string(blobs.keys[i].before_first) : after[i]);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(ReadSql(blobs), params));

  Rewritten rewritten;
  rewritten.more = rows.size() == limit;
  const bool events = std::string(blobs.table) == "pipeline.event";
  std::vector<std::optional<std::string>> data;
  std::vector<std::vector<std::string>> columns(keys);
  std::vector<std::string> event_ids;
  std::set<int> partitions;
  for (int i = 0; i < rows.size(); ++i) {
    const int at = static_cast<int>(keys);
    if (rows[i].IsNull(at)) continue;
    std::optional<std::string> bytes = Rewrite(blobs, rows[i], person);
    if (!bytes) continue;
    data.push_back(std::move(bytes));
    for (size_t k = 0; k < keys; ++k) columns[k].emplace_back(rows[i].Text(static_cast<int>(k)));
    if (!events) continue;
    partitions.insert(static_cast<int>(rows[i].Int(at + 1)));
    event_ids.emplace_back(rows[i].Text(at + 2));
  }
  for (size_t k = 0; rewritten.more && k < keys; ++k) {
    rewritten.after.emplace_back(rows[rows.size() - 1].Text(static_cast<int>(k)));
  }
  rewritten.count = static_cast<int64_t>(data.size());
  rewritten.partitions.assign(partitions.begin(), partitions.end());
  if (data.empty()) return rewritten;
  db::Params writes = db::Params::Of(tenant).AddBytes(data);
  for (const auto& column : columns) writes.Add(column);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(WriteSql(blobs), writes).status());
  if (!events) return rewritten;
  // A webhook may have answered with what it was sent.
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("UPDATE pipeline.push_delivery SET error = '' WHERE tenant_id = $1 AND event_id ="
                                   " ANY($2::uuid[]) AND error <> ''",
                                   db::Params::Of(tenant, event_ids))
                             .status());
  return rewritten;
}

absl::Status AddJob(db::Connection& connection, const ErasureJob& job, Time now) {
  return connection
      .Exec(
          "INSERT INTO pipeline.erasure_job (tenant_id, erasure_id, actor, names, addresses, create_time)"
          " VALUES ($1, $2, $3, $4::text[], $5::text[], $6)",
          db::Params::Of(job.tenant, job.erasure, job.actor, job.names, job.addresses, now))
      .status();
}

absl::StatusOr<bool> LockJob(db::Connection& connection, const std::string& tenant, const std::string& erasure,
                             ErasureJob* job) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(std::string("SELECT ") + kJobColumns +
                          " FROM pipeline.erasure_job WHERE ($1 = '' OR (tenant_id = $1 AND erasure_id = $2))"
                          " ORDER BY create_time LIMIT 1 FOR UPDATE SKIP LOCKED",
                      db::Params::Of(tenant, erasure)));
  if (rows.empty()) return false;
  const db::Row row = rows[0];
  job->tenant = row.Text(0);
  job->erasure = row.Text(1);
  job->actor = row.Text(2);
  job->names = row.TextArray(3);
  job->addresses = row.TextArray(4);
  job->step = static_cast<int>(row.Int(5));
  job->after = row.TextArray(6);
  job->partitions.clear();
  for (const std::string& partition : row.TextArray(7)) job->partitions.push_back(std::stoi(partition));
  return true;
}

absl::StatusOr<bool> HasJob(db::Connection& connection, const std::string& tenant, const std::string& erasure) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT FROM pipeline.erasure_job WHERE tenant_id = $1 AND erasure_id = $2",
                                          db::Params::Of(tenant, erasure)));
  return !rows.empty();
}

absl::Status SaveJob(db::Connection& connection, const ErasureJob& job) {
  return connection
      .Exec(
          "UPDATE pipeline.erasure_job SET step = $3::int, after = $4::text[], partitions = $5::smallint[]"
          " WHERE tenant_id = $1 AND erasure_id = $2",
          db::Params::Of(job.tenant, job.erasure, job.step, job.after, Texts(job.partitions)))
      .status();
}

absl::Status RemoveJob(db::Connection& connection, const ErasureJob& job) {
  return connection
      .Exec("DELETE FROM pipeline.erasure_job WHERE tenant_id = $1 AND erasure_id = $2",
            db::Params::Of(job.tenant, job.erasure))
      .status();
}

}  // namespace embudo::pipeline::storage
