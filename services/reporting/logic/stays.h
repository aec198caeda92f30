#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::reporting::logic {

/// What a lead did in one stage.
struct Stay {
  /// When it last came there; nullopt while it is not there, or is closed.
  std::optional<Time> enter_time;
  /// Stays that have ended, and how long they were.
  int64_t stays = 0;
  int64_t seconds = 0;
  /// The stages that it came to afterwards, by resource name.
  std::set<std::string> later;

  friend bool operator==(const Stay&, const Stay&) = default;
};

/// The stages that a lead has been in, by resource name.
using Stays = std::map<std::string, Stay>;

/// Whether a change says something of stages: the others may be left out.
bool ConcernsStages(const type::v1::Event& event);

/// Takes a change in: `lead` is the record after it. Changes come in their order; one that is the first, whatever it
/// is, tells the stage that the lead was in.
void Apply(const type::v1::Event& event, const type::v1::Lead& lead, Stays& stays);

/// The stays of a lead as its whole history tells them. `changes` are as the pipeline keeps them: of the record after
/// the change only what changed, oldest first.
Stays StaysOf(const type::v1::Lead& lead, const std::vector<type::v1::Event>& changes);

}  // namespace embudo::reporting::logic
