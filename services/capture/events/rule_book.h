#pragma once

#include "absl/status/statusor.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/events/bringer.h"
#include "services/capture/events/lead_calls.h"
#include "services/capture/events/settlement.h"
#include "services/capture/storage/settings_store.h"

namespace embudo::capture::events {

/// By which rules what comes in is dealt with. Thread-safe.
class RuleBook {
 public:
  RuleBook(db::Pool& pool, embudo::rpc::Client& pipeline) : pool_(pool), settings_(pool), regions_(pipeline) {}

  /// The tenant's.
  absl::StatusOr<Settlement::Rules> OfTenant(const Bringer& who);
  /// Those of the form or hook that the request came by go before them.
  absl::Status AddSource(const Bringer& who, const v1::CaptureLeadRequest& request, Settlement::Rules* rules);

 private:
  db::Pool& pool_;
  storage::SettingsStore settings_;
  Regions regions_;
};

}  // namespace embudo::capture::events
