#pragma once

#include <string>
#include <vector>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/pipeline/logic/lead_rules.h"

namespace embudo::pipeline::logic {

/// The past of a lead from the record and its changes, which are events that hold the changed fields only.

/// Takes a change back: the fields that it changed are as before it.
void Undo(const type::v1::Event& change, type::v1::Lead& lead);

/// The stays of a lead in stages, oldest first, from its changes in their order. The last one lasts until `now`, or as
/// long as the lead was open.
std::vector<v1::StageStay> StaysOf(const type::v1::Lead& lead, const std::vector<type::v1::Event>& changes, Time now);

/// Puts stays that another system kept, {stage, since}, oldest first, before the lead's own.
struct EarlierStay {
  std::string stage;
  Time enter_time;
};
std::vector<v1::StageStay> WithEarlier(const std::vector<EarlierStay>& earlier, std::vector<v1::StageStay> stays);

/// Whether a change touches one of the paths; all do if there are none.
bool Touches(const type::v1::Event& change, const google::protobuf::RepeatedPtrField<std::string>& paths);

}  // namespace embudo::pipeline::logic
