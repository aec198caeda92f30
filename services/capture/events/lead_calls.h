#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/touch.pb.h"

namespace embudo::capture::events {

/// What the intake asks of the pipeline service, on behalf of one caller. Ids are those of leads.
class LeadCalls {
 public:
  LeadCalls(embudo::rpc::Client& pipeline, embudo::rpc::Identity identity)
      : pipeline_(pipeline), identity_(std::move(identity)) {}

  enum class State { kMissing, kOpen, kClosed };
  struct Seen {
    State state = State::kMissing;
    /// Of the lead itself, or of the one that took it in.
    std::string id;
  };
  absl::StatusOr<Seen> See(const std::string& id);
  /// An open lead with this address; empty if there is none.
  absl::StatusOr<std::string> FindByEmail(const std::string& email);
  /// The lead that has one of the external ids, whatever its state; empty if there is none.
  absl::StatusOr<std::string> FindByExternalId(const type::v1::Lead& lead);

  /// What came, as the lead that it makes where there is none.
  struct Arrival {
    /// Of the lead.
    std::string id;
    const type::v1::Lead* lead = nullptr;
    type::v1::Touch touch;
    std::string touch_id;
    /// The first of its conversation, each with its id.
    std::vector<std::pair<std::string, type::v1::Message>> entries;
    bool match_email = false;
    bool match_phone = false;
    std::string request_id;
  };
  enum class Made { kNow, kBefore, kIdTaken, kMatched };
  struct Received {
    Made made = Made::kNow;
    /// The other lead, if one matched.
    std::string other;
  };
  /// Makes the lead under the id, with its touch and entries. kBefore: it is there already. kIdTaken: it is not, but
  /// one of its external ids belongs to another. kMatched: another open lead has its address or number. But for kNow
  /// nothing was written.
  absl::StatusOr<Received> Receive(const Arrival& arrival);
  /// Makes those of the leads that are new, in one call. Whether each was made.
  absl::StatusOr<std::vector<bool>> ReceiveAll(const std::vector<Arrival>& arrivals);
  /// What came for a lead that is there.
  struct Addition {
    std::string lead;
    type::v1::Touch touch;
    std::string touch_id;
    /// For its conversation, with its id.
    std::optional<std::pair<std::string, type::v1::Message>> entry;
  };
  /// Adds to leads, in one call. The open lead that each was added to, which may be one that took the other in; empty:
  /// none, and it was not added.
  absl::StatusOr<std::vector<std::string>> AttachAll(const std::vector<Addition>& additions);
  /// Adds to the lead, once: under the same id nothing is added twice.
  absl::Status AddTouch(const std::string& lead, const type::v1::Touch& touch, const std::string& id);
  absl::Status AddMessage(const std::string& lead, const type::v1::Message& message, const std::string& id);
  /// Merges leads into one of them, which is returned.
  absl::StatusOr<std::string> Merge(const std::vector<std::string>& leads, const std::string& request_id);

 private:
  embudo::rpc::Client& pipeline_;
  const embudo::rpc::Identity identity_;
};

/// The region that a tenant's phone numbers without a country code belong to, kept for a while. Thread-safe.
class Regions {
 public:
  explicit Regions(embudo::rpc::Client& pipeline) : pipeline_(pipeline) {}
  absl::StatusOr<std::string> Of(const embudo::rpc::Identity& identity);

 private:
  struct Known {
    std::string region;
    std::chrono::steady_clock::time_point expires;
  };
  embudo::rpc::Client& pipeline_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace embudo::capture::events
