#include "services/capture/events/lead_reader.h"

#include <map>
#include <string>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/capture/events/eraser.h"
#include "services/capture/storage/lead_index.h"

namespace embudo::capture::events {

absl::Status TakeIn(db::Connection& connection, const std::vector<type::v1::Event>& events) {
  // In order of their ids, so that two consumers never wait for each other.
  std::map<std::string, std::map<std::string, const type::v1::Lead*>> last;
  for (const type::v1::Event& event : events) {
    // A score changes nothing that a lead is known by.
    if (!event.data().has_lead() || event.type() == "lead.scored") continue;
    last[event.tenant()][IdOf(event.data().lead().name())] = &event.data().lead();
  }
  for (const auto& [tenant, leads] : last) {
    EMBUDO_RETURN_IF_ERROR(storage::IndexLeads(connection, tenant, leads));
  }
  // Last, so that what came before an erasure does not come after it.
  return ErasePersons(connection, events);
}

}  // namespace embudo::capture::events
