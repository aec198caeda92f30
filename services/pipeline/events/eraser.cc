#include "services/pipeline/events/eraser.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/type/v1/erasure.pb.h"

namespace embudo::pipeline::events {
namespace {

using std::chrono::milliseconds;
using storage::ErasureJob;

constexpr std::chrono::seconds kStatement{30};
constexpr milliseconds kIdle{5000};
constexpr milliseconds kWaiting{100};
/// Rows that one transaction looks through.
constexpr int kBatch = 2000;

/// The steps after those of the tables of serialised messages.
int StepAfter(int more) { return static_cast<int>(storage::AllBlobs().size()) + more; }
const int kAskForStreams = StepAfter(0);
const int kAwaitStreams = StepAfter(1);
const int kTell = StepAfter(2);
const int kSettle = StepAfter(3);

}  // namespace

Eraser::Eraser(Hub& hub, resource::Resource& erasures, const Clock& clock)
    : hub_(hub), erasures_(erasures), clock_(clock) {}

Eraser::~Eraser() { Stop(); }

void Eraser::Start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      asked_ = false;
      lock.unlock();
      const absl::Status status = RunOnce();
      const bool waits = absl::IsUnavailable(status);
      if (!status.ok() && !waits) log::Warning("eraser: waiting", {{"why", MessageOf(status)}});
      lock.lock();
      changed_.wait_for(lock, waits ? kWaiting : kIdle, [&] { return stopping_ || asked_; });
    }
  });
}

void Eraser::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Eraser::Wait(const std::string& tenant, const std::string& erasure, db::Deadline deadline) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    asked_ = true;
    changed_.notify_all();
    lock.unlock();
    {
      absl::StatusOr<db::Pool::Lease> lease = hub_.pool().Acquire("", deadline);
      const absl::StatusOr<bool> under_way =
          lease.ok() ? storage::HasJob(**lease, tenant, erasure) : absl::StatusOr<bool>(lease.status());
      if (under_way.ok() && !*under_way) return true;
    }
    lock.lock();
    const auto soon = std::chrono::steady_clock::now() + kWaiting;
    if (soon >= deadline) return false;
    changed_.wait_until(lock, soon, [&] { return stopping_; });
  }
  return false;
}

absl::Status Eraser::RunOnce() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(hub_.pool(), "", db::After(kStatement),
                                   "SELECT tenant_id, erasure_id FROM pipeline.erasure_job ORDER BY create_time", {}));
  bool waits = false;
  for (int i = 0; i < rows.size(); ++i) {
    const std::string tenant(rows[i].Text(0));
    const std::string erasure(rows[i].Text(1));
    Progress progress = Progress::kMoved;
    while (progress == Progress::kMoved) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return absl::OkStatus();
      }
      EMBUDO_ASSIGN_OR_RETURN(progress, Step(tenant, erasure));
    }
    waits |= progress == Progress::kWaits;
  }
  return waits ? absl::UnavailableError("the streams are not filled yet") : absl::OkStatus();
}

absl::StatusOr<Eraser::Progress> Eraser::Step(const std::string& tenant, const std::string& erasure) {
  Progress progress = Progress::kMoved;
  ErasureJob told;
  const absl::Status status =
      db::RunInTx(hub_.pool(), "", db::After(kStatement), [&](db::Connection& connection) -> absl::Status {
        ErasureJob job;
        EMBUDO_ASSIGN_OR_RETURN(const bool found, storage::LockJob(connection, tenant, erasure, &job));
        // Another process has it, or it is done.
        if (!found) {
          EMBUDO_ASSIGN_OR_RETURN(const bool there, storage::HasJob(connection, tenant, erasure));
          progress = there ? Progress::kWaits : Progress::kDone;
          return absl::OkStatus();
        }
        told = job;
        if (job.step == kTell) return absl::OkStatus();
        absl::StatusOr<Progress> step = job.step < kAskForStreams    ? Rewrite(connection, job)
                                        : job.step == kAskForStreams ? AskForStreams(connection, job)
                                        : job.step == kAwaitStreams  ? AwaitStreams(connection, job)
                                                                     : Settle(connection, job);
        if (!step.ok()) return step.status();
        progress = *step;
        return progress == Progress::kDone ? storage::RemoveJob(connection, job) : storage::SaveJob(connection, job);
      });
  if (!status.ok()) return status;
  return told.step == kTell && !told.erasure.empty() ? Tell(told) : progress;
}

absl::StatusOr<Eraser::Progress> Eraser::Rewrite(db::Connection& connection, ErasureJob& job) {
  const storage::Blobs& blobs = storage::AllBlobs()[static_cast<size_t>(job.step)];
  privacy::Person person;
  person.names.insert(job.names.begin(), job.names.end());
  person.addresses.insert(job.addresses.begin(), job.addresses.end());
  EMBUDO_ASSIGN_OR_RETURN(const storage::Rewritten rewritten,
                          storage::RewriteBlobs(connection, job.tenant, blobs, person, job.after, kBatch));
  std::set<int> partitions(job.partitions.begin(), job.partitions.end());
  partitions.insert(rewritten.partitions.begin(), rewritten.partitions.end());
  job.partitions.assign(partitions.begin(), partitions.end());
  job.after = rewritten.after;
  if (!rewritten.more) ++job.step;
  const bool events = &blobs == storage::AllBlobs().data();
  EMBUDO_RETURN_IF_ERROR(connection
                             .Exec("UPDATE pipeline.erasure SET events_rewritten = events_rewritten + $3,"
                                   " records_erased = records_erased + $4 WHERE tenant_id = $1 AND erasure_id = $2",
                                   db::Params::Of(job.tenant, job.erasure, events ? rewritten.count : int64_t{0},
                                                  events ? int64_t{0} : rewritten.count))
                             .status());
  return Progress::kMoved;
}

absl::StatusOr<Eraser::Progress> Eraser::AskForStreams(db::Connection& connection, ErasureJob& job) {
  std::vector<std::string> partitions;
  for (const int partition : job.partitions) partitions.push_back(std::to_string(partition));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result wanted,
      connection.Exec("UPDATE pipeline.event_head h SET resend_wanted = resend_wanted + 1 FROM (SELECT partition FROM"
                      " pipeline.event_head WHERE partition = ANY($1::smallint[]) AND partition >= (SELECT"
                      " first_partition FROM pipeline.event_epoch WHERE close_time IS NULL) ORDER BY partition"
                      " FOR UPDATE) l WHERE h.partition = l.partition RETURNING h.partition || ':' || h.resend_wanted",
                      db::Params::Of(partitions)));
  job.after.clear();
  for (int i = 0; i < wanted.size(); ++i) job.after.emplace_back(wanted[i].Text(0));
  job.step = kAwaitStreams;
  return Progress::kMoved;
}

absl::StatusOr<Eraser::Progress> Eraser::AwaitStreams(db::Connection& connection, ErasureJob& job) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result missing,
      connection.Exec("SELECT FROM unnest($1::text[]) w JOIN pipeline.event_head h ON h.partition ="
                      " split_part(w, ':', 1)::smallint WHERE h.resend_done < split_part(w, ':', 2)::bigint"
                      // Streams of a closed epoch are dropped, not filled.
                      " AND h.partition >= (SELECT first_partition FROM pipeline.event_epoch WHERE close_time IS NULL)"
                      " LIMIT 1",
                      db::Params::Of(job.after)));
  if (!missing.empty()) return Progress::kWaits;
  job.after.clear();
  job.step = kTell;
  return Progress::kMoved;
}

absl::StatusOr<Eraser::Progress> Eraser::Tell(const ErasureJob& job) {
  rpc::CallContext call;
  call.identity.tenant = job.tenant;
  call.identity.actor = job.actor;
  call.identity.roles = {type::v1::ROLE_ADMIN};
  call.method = "erasure";
  call.deadline = db::After(kStatement);
  type::v1::Erasure erasure;
  const absl::Status status = erasures_.Modify(
      call, "erasures/" + job.erasure, "", v1::GetErasureRequest::default_instance(),
      type::v1::EVENT_TYPE_PRIVACY_ERASED,
      [&](google::protobuf::Message& record, resource::Effects& effects) -> absl::Status {
        *static_cast<type::v1::Erasure&>(record).mutable_create_time() = ToTimestamp(clock_.Now());
        // Once: the step is the job's, whoever takes it. The event has just drawn its number.
        effects.statements = [&](db::Connection& connection) -> absl::Status {
          EMBUDO_ASSIGN_OR_RETURN(
              const db::Result moved,
              connection.Exec(
                  "UPDATE pipeline.erasure_job SET step = $3::int, after = ARRAY[currval("
                  "'pipeline.event_seq')::text] WHERE tenant_id = $1 AND erasure_id = $2 AND step = $4::int",
                  db::Params::Of(job.tenant, job.erasure, kSettle, kTell)));
          return moved.affected() == 1 ? absl::OkStatus() : absl::AlreadyExistsError("it has been told");
        };
        return absl::OkStatus();
      },
      erasure);
  if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  return Progress::kMoved;
}

absl::StatusOr<Eraser::Progress> Eraser::Settle(db::Connection& connection, ErasureJob& job) {
  if (job.after.size() == 1) {
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result waiting,
        connection.Exec("SELECT FROM pipeline.event_pending WHERE tenant_id = $1 AND seq = $2::bigint LIMIT 1",
                        db::Params::Of(job.tenant, job.after[0])));
    if (!waiting.empty()) return Progress::kWaits;
    // Where the log goes to is after the event, in whichever partition that has its place.
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result heads,
        connection.Exec("SELECT h.partition || ':' || h.position FROM pipeline.event_head h, pipeline.event_epoch e"
                        " WHERE e.close_time IS NULL AND h.partition BETWEEN e.first_partition"
                        " AND e.first_partition + e.partition_count - 1",
                        {}));
    for (int i = 0; i < heads.size(); ++i) job.after.emplace_back(heads[i].Text(0));
    return Progress::kMoved;
  }
  std::map<int, int64_t> read;
  for (size_t i = 1; i < job.after.size(); ++i) {
    const std::string& place = job.after[i];
    read[std::stoi(place)] = std::stoll(place.substr(place.find(':') + 1));
  }
  if (!hub_.HasRead(read)) return Progress::kWaits;
  // As a seek to where they are: workers forget what they hold, and read it again.
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec("UPDATE pipeline.subscription_place SET generation = generation + 1 WHERE tenant_id = $1",
                db::Params::Of(job.tenant))
          .status());
  return Progress::kDone;
}

}  // namespace embudo::pipeline::events
