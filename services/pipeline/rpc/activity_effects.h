#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// A lead with what its planned activities make of it.
struct LeadState {
  resource::Record lead;
  /// When the next of them is due.
  std::optional<Day> next;
};

/// The leads of those names, whoever asks, by name; `next` leaves out the activities `without`. Names of leads that are
/// not there are passed over. One statement.
absl::StatusOr<std::map<std::string, LeadState>> ReadLeadStates(Records& records, const embudo::rpc::CallContext& call,
                                                                const std::vector<std::string>& leads,
                                                                const std::vector<std::string>& without);
/// Adds what a change of a lead's activities does to the lead: when the next is due, and that somebody has touched it.
/// The lead gets another version even if it stays as it is, so that of two changes at once the later one goes again.
void KeepLead(Records& records, const embudo::rpc::CallContext& call, const LeadState& before, std::optional<Day> next,
              resource::Effects& effects);

/// Rules::effects of activities.
absl::Status ActivityEffects(Records& records, const embudo::rpc::CallContext& call, const type::v1::Activity& after,
                             const type::v1::Activity* before, resource::Effects& effects);

}  // namespace embudo::pipeline::rpc
