#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/logic/period.h"
#include "services/reporting/rpc/room.h"
#include "services/reporting/storage/report.h"

namespace embudo::reporting {

/// One call that reads reports: its connection, what the caller sees, how old the figures are.
class Reading {
 public:
  /// Waits for `min_positions`. Reads from the replica, if there is one and it answers, else from the primary.
  static absl::StatusOr<Reading> Begin(
      const Room& room, const rpc::CallContext& call,
      const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions = {});

  /// A report over what the caller sees and the filter matches. `period`: of `time`, if it does not say.
  absl::StatusOr<storage::Query> MakeQuery(const google::protobuf::RepeatedPtrField<std::string>& group_by,
                                           const std::string& filter, logic::Subject subject = logic::Subject::kLeads);
  absl::Status SetPeriod(const v1::Period& period, const std::string& time, logic::Subject subject,
                         storage::Query& query);

  /// The rows as the API promises them: named and in order.
  absl::StatusOr<storage::Report> Run(const storage::Query& query);
  /// As they come.
  absl::StatusOr<storage::Cells> Run(const storage::Query& query, const std::vector<storage::Aggregate>& aggregates);
  absl::Status Name(std::vector<logic::Row>& rows);

  /// With what the reports so far were read from.
  const v1::Freshness& freshness() const { return freshness_; }
  const storage::Settings& settings() const { return settings_; }
  const std::string& tenant() const { return call_->tenant(); }
  const storage::Visibility& visibility() const { return visibility_; }
  db::Connection& connection() { return *lease_; }
  Time now() const { return now_; }
  /// In the tenant's time zone.
  Day Today() const;

 private:
  static absl::StatusOr<Reading> BeginAt(const Source& source, const Room& room, const rpc::CallContext& call,
                                         const google::protobuf::RepeatedPtrField<v1::ConsumerPosition>& min_positions);
  Reading(const Room& room, const rpc::CallContext& call, db::Pool::Lease lease)
      : room_(&room), call_(&call), lease_(std::move(lease)), now_(room.clock.Now()) {}
  /// Notes what a report was read from, and asks for what would have answered it sooner.
  void Note(const storage::Query& query, const storage::Origin& origin, std::chrono::steady_clock::time_point begin);

  const Room* room_;
  const rpc::CallContext* call_;
  db::Pool::Lease lease_;
  Time now_;
  storage::Settings settings_;
  storage::Visibility visibility_;
  v1::Freshness freshness_;
};

/// Waits before the consumer's progress, which another process may make, is looked at again.
void WaitForProgress(std::chrono::milliseconds pause);

/// The values of a row, by the dimensions.
void AddDimensions(const std::vector<logic::Dimension>& dimensions, const logic::Row& row,
                   google::protobuf::RepeatedPtrField<v1::DimensionValue>* out);

}  // namespace embudo::reporting
