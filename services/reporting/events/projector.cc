#include "services/reporting/events/projector.h"

#include <string>
#include <unordered_map>

#include "common/base/error.h"
#include "common/resource/change.h"
#include "services/reporting/storage/projection.h"

namespace embudo::reporting::events {
namespace {

using google::protobuf::Message;
using storage::Owned;
using type::v1::Event;

/// The last event of each record, in any order.
std::vector<const Event*> LastOfEach(const std::vector<Event>& events) {
  std::unordered_map<std::string, const Event*> last;
  last.reserve(events.size());
  for (const Event& event : events) last[event.tenant() + '/' + event.subject()] = &event;
  std::vector<const Event*> out;
  out.reserve(last.size());
  for (const auto& [subject, event] : last) out.push_back(event);
  return out;
}

bool IsGone(const Event& event) { return event.type().ends_with(".deleted"); }

/// Records that refer to leads, and are not referred to by them.
bool HasNoName(const Event& event) { return event.data().has_activity(); }

}  // namespace

absl::Status Project(db::Connection& connection, const std::vector<Event>& events) {
  std::vector<Owned<type::v1::Lead>> leads;
  std::vector<Owned<type::v1::Lead>> gone_leads;
  std::vector<Owned<type::v1::Tenant>> tenants;
  std::vector<Owned<Message>> records;
  std::vector<Owned<Message>> gone_records;
  std::vector<Owned<type::v1::Erasure>> erasures;
  for (const Event* event : LastOfEach(events)) {
    const std::string& tenant = event->tenant();
    const type::v1::Resource& data = event->data();
    if (data.has_lead()) {
      const bool gone = IsGone(*event) || data.lead().has_delete_time();
      (gone ? gone_leads : leads).push_back({tenant, &data.lead()});
    } else if (data.has_erasure()) {
      erasures.push_back({tenant, &data.erasure()});
    } else if (data.has_tenant()) {
      tenants.push_back({tenant, &data.tenant()});
    } else if (const Message* record = resource::RecordIn(data); record != nullptr && !HasNoName(*event)) {
      // Closed leads go on referring to stages and users that are deleted; contacts are persons, and are forgotten.
      const bool forget = IsGone(*event) && (data.has_contact() || data.has_membership());
      (forget ? gone_records : records).push_back({tenant, record});
    }
  }
  EMBUDO_RETURN_IF_ERROR(storage::SaveTenants(connection, tenants));
  EMBUDO_RETURN_IF_ERROR(storage::SaveNames(connection, records));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveNames(connection, gone_records));
  EMBUDO_RETURN_IF_ERROR(storage::SaveLeads(connection, leads));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveLeads(connection, gone_leads));
  // Last, so that what came before an erasure does not come after it.
  for (const auto& [tenant, erasure] : erasures) {
    EMBUDO_RETURN_IF_ERROR(storage::ErasePerson(connection, tenant, *erasure));
  }
  return absl::OkStatus();
}

}  // namespace embudo::reporting::events
