#include "services/reporting/rpc/reading.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "common/base/error.h"
#include "common/text/dates.h"
#include "services/reporting/storage/freshness.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/names.h"

namespace embudo::reporting {
namespace {

using rpc::CallContext;

/// A representative sees what the user's visibility shows; everybody else sees all.
absl::StatusOr<storage::Visibility> VisibilityOf(const CallContext& call, db::Connection& connection) {
  for (const auto role : {type::v1::ROLE_MANAGER, type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
    if (call.identity.Has(role)) return storage::Visibility();
  }
  return storage::LoadVisibility(connection, call.tenant(), call.identity.actor);
}

bool Reached(const storage::Progress& progress,
             const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions) {
  return std::all_of(min_positions.begin(), min_positions.end(), [&](const v1::ConsumerPosition& wanted) {
    return std::any_of(progress.partitions.begin(), progress.partitions.end(), [&](const auto& partition) {
      return partition.partition == wanted.partition() && partition.position >= wanted.position();
    });
  });
}

/// How far the log has been read, as the source knows it. What waits since when is the primary's to tell: a replica
/// does not know what it has not got yet.
absl::StatusOr<storage::Progress> LoadProgress(const Source& source, const Room& room, const CallContext& call) {
  storage::Progress progress;
  {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, source.worker_pool.Acquire("", call.deadline));
    EMBUDO_ASSIGN_OR_RETURN(progress, storage::LoadProgress(*lease, kConsumer));
  }
  if (&source.worker_pool == &room.worker_pool) return progress;
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, room.worker_pool.Acquire("", call.deadline));
  EMBUDO_RETURN_IF_ERROR(storage::LoadWaitingSince(*lease, progress));
  return progress;
}

/// The same, when it has been read that far.
absl::StatusOr<storage::Progress> WaitFor(
    const Source& source, const Room& room, const CallContext& call,
    const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions) {
  constexpr std::chrono::milliseconds kMargin{50};
  constexpr std::chrono::milliseconds kPause{5};
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const storage::Progress progress, LoadProgress(source, room, call));
    if (Reached(progress, min_positions)) return progress;
    if (call.cancelled->load() || call.TimeLeft() < kMargin) {
      return Error(absl::StatusCode::kDeadlineExceeded, "NOT_CAUGHT_UP", "the figures have not reached min_positions")
          .RetryAfter(std::chrono::seconds(1));
    }
    WaitForProgress(kPause);
  }
}

v1::Freshness ToFreshness(const storage::Progress& progress, Time now) {
  v1::Freshness freshness;
  for (const auto& [partition, position] : progress.partitions) {
    v1::ConsumerPosition& out = *freshness.add_positions();
    out.set_partition(partition);
    out.set_position(position);
  }
  // Before the consumer has ever run, nothing can be said.
  if (progress.partitions.empty()) return freshness;
  const Time as_of = std::min(progress.waiting_since.value_or(now), now);
  *freshness.mutable_as_of() = ToTimestamp(as_of);
  *freshness.mutable_staleness() = google::protobuf::util::TimeUtil::MicrosecondsToDuration((now - as_of).count());
  return freshness;
}

}  // namespace

void WaitForProgress(std::chrono::milliseconds pause) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, std::chrono::steady_clock::now() + pause);
}

absl::StatusOr<Reading> Reading::Begin(const Room& room, const CallContext& call,
                                       const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions) {
  if (room.replica) {
    absl::StatusOr<Reading> reading = BeginAt(*room.replica, room, call, min_positions);
    if (reading.status().code() != absl::StatusCode::kUnavailable) return reading;
  }
  return BeginAt({room.pool, room.worker_pool}, room, call, min_positions);
}

absl::StatusOr<Reading> Reading::BeginAt(
    const Source& source, const Room& room, const CallContext& call,
    const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions) {
  // Before the figures are read, so that they are at least as fresh as they say.
  EMBUDO_ASSIGN_OR_RETURN(const storage::Progress progress, WaitFor(source, room, call, min_positions));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, source.pool.Acquire(call.tenant(), call.deadline));
  Reading reading(room, call, std::move(lease));
  reading.freshness_ = ToFreshness(progress, reading.now_);
  EMBUDO_ASSIGN_OR_RETURN(reading.settings_, storage::LoadSettings(*reading.lease_, call.tenant()));
  EMBUDO_ASSIGN_OR_RETURN(reading.visibility_, VisibilityOf(call, *reading.lease_));
  return reading;
}

absl::StatusOr<storage::Query> Reading::MakeQuery(const google::protobuf::RepeatedPtrField<std::string>& group_by,
                                                  const std::string& filter, logic::Subject subject) {
  storage::Query query{
      .tenant = tenant(),
      .settings = settings_,
      .cube = subject == logic::Subject::kActivities ? storage::Cube::kActivity
              : subject == logic::Subject::kStays    ? storage::Cube::kStay
                                                     : storage::Cube::kLead,
      .kind = "OPPORTUNITY",
      .visibility = visibility_,
      .now = now_,
      .limit = std::min(room_->limit, call_->TimeLeft()),
      .await_sum = [room = room_, tenant = tenant()](storage::Cube cube, const std::vector<std::string>& columns,
                                                     std::chrono::milliseconds longest) {
        return room->await_sum({tenant, cube, columns}, longest);
      }};
  EMBUDO_ASSIGN_OR_RETURN(query.dimensions, logic::ParseGroupBy({group_by.begin(), group_by.end()}, subject));
  const auto resolver = [&](const std::string& resource_type, const std::string& field, const std::string& value) {
    return storage::FindNames(*lease_, tenant(), resource_type, field, value);
  };
  EMBUDO_ASSIGN_OR_RETURN(query.filter, filter::Filter::Compile(filter, storage::LeadSchema(), resolver));
  return query;
}

absl::Status Reading::SetPeriod(const v1::Period& period, const std::string& time, logic::Subject subject,
                                storage::Query& query) {
  EMBUDO_ASSIGN_OR_RETURN(const logic::Days days, logic::ReadPeriod(period, time, subject));
  query.bounds = {days.time, days.from, days.to};
  return absl::OkStatus();
}

absl::StatusOr<storage::Report> Reading::Run(const storage::Query& query) {
  const auto begin = std::chrono::steady_clock::now();
  storage::Origin origin;
  absl::StatusOr<storage::Report> report = storage::RunReport(*lease_, query, &origin);
  Note(query, origin, begin);
  if (report.ok()) EMBUDO_RETURN_IF_ERROR(Name(report->rows));
  return report;
}

absl::StatusOr<storage::Cells> Reading::Run(const storage::Query& query,
                                            const std::vector<storage::Aggregate>& aggregates) {
  const auto begin = std::chrono::steady_clock::now();
  storage::Origin origin;
  absl::StatusOr<storage::Cells> cells = storage::RunQuery(*lease_, query, aggregates, &origin);
  Note(query, origin, begin);
  return cells;
}

absl::Status Reading::Name(std::vector<logic::Row>& rows) {
  EMBUDO_RETURN_IF_ERROR(storage::FillNames(*lease_, tenant(), rows));
  logic::Sort(rows);
  return absl::OkStatus();
}

void Reading::Note(const storage::Query& query, const storage::Origin& origin,
                   std::chrono::steady_clock::time_point begin) {
  const bool facts = !origin.rollup || freshness_.source() == v1::Freshness::SOURCE_FACTS;
  freshness_.set_source(facts ? v1::Freshness::SOURCE_FACTS : v1::Freshness::SOURCE_ROLLUP);
  if (origin.rollup) room_->used(*origin.rollup);
  if (!origin.wanted || std::chrono::steady_clock::now() - begin < room_->slow) return;
  room_->wanted({query.tenant, query.cube, *origin.wanted});
}

Day Reading::Today() const { return text::DayIn(now_, settings_.time_zone); }

void AddDimensions(const std::vector<logic::Dimension>& dimensions, const logic::Row& row,
                   google::protobuf::RepeatedPtrField<v1::DimensionValue>* out) {
  for (size_t i = 0; i < dimensions.size(); ++i) {
    v1::DimensionValue& value = *out->Add();
    value.set_dimension(dimensions[i].name);
    value.set_value(row.values[i].value);
    value.set_display_name(row.values[i].display_name);
  }
}

}  // namespace embudo::reporting
