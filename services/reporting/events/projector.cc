#include "services/reporting/events/projector.h"

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/resource/change.h"
#include "services/reporting/storage/facts.h"
#include "services/reporting/storage/projection.h"
#include "services/reporting/storage/rollup.h"

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

/// What a batch of events comes to: the last state of each record, by what is to be done with it.
struct Batch {
  std::vector<Owned<type::v1::Lead>> leads, gone_leads;
  std::vector<Owned<type::v1::Activity>> activities, gone_activities;
  std::vector<Owned<type::v1::Touch>> touches, gone_touches;
  std::vector<Owned<type::v1::Tenant>> tenants;
  std::vector<Owned<Message>> records, gone_records;
  std::vector<Owned<type::v1::Erasure>> erasures;
};

/// Puts a record into one of two lists: those that are there, and those that are gone.
template <class Record>
void Sort(const Event& event, const Record& record, std::vector<Owned<Record>>& there,
          std::vector<Owned<Record>>& gone) {
  (IsGone(event) || record.has_delete_time() ? gone : there).push_back({event.tenant(), &record});
}

Batch Read(const std::vector<Event>& events) {
  Batch batch;
  for (const Event* event : LastOfEach(events)) {
    const std::string& tenant = event->tenant();
    const type::v1::Resource& data = event->data();
    if (data.has_lead()) {
      Sort(*event, data.lead(), batch.leads, batch.gone_leads);
    } else if (data.has_activity()) {
      Sort(*event, data.activity(), batch.activities, batch.gone_activities);
    } else if (data.has_touch()) {
      Sort(*event, data.touch(), batch.touches, batch.gone_touches);
    } else if (data.has_erasure()) {
      batch.erasures.push_back({tenant, &data.erasure()});
    } else if (data.has_tenant()) {
      batch.tenants.push_back({tenant, &data.tenant()});
    } else if (const Message* record = resource::RecordIn(data); record != nullptr) {
      // Closed leads go on referring to stages and users that are deleted; contacts are persons, and are forgotten, and
      // a membership, target or cost that is gone counts no more.
      const bool forget =
          IsGone(*event) && (data.has_contact() || data.has_membership() || data.has_target() || data.has_campaign());
      (forget ? batch.gone_records : batch.records).push_back({tenant, record});
    }
  }
  return batch;
}

/// The leads whose figures a batch may change, by tenant; and the tenants that change themselves.
std::map<std::string, std::set<std::string>> LeadsOf(const std::vector<Event>& events) {
  std::map<std::string, std::set<std::string>> leads;
  for (const Event& event : events) {
    const type::v1::Resource& data = event.data();
    if (data.has_tenant()) leads[event.tenant()];
    for (const std::string& lead : data.erasure().leads()) leads[event.tenant()].insert(IdOf(lead));
    if (!data.has_lead() && !data.has_activity() && !data.has_touch()) continue;
    const std::string& name = event.subject();
    const size_t begin = name.find('/') + 1;
    leads[event.tenant()].insert(name.substr(begin, name.find('/', begin) - begin));
  }
  return leads;
}

/// Takes every change of stages in, not the last alone.
absl::Status TakeStays(db::Connection& connection, const std::vector<Event>& events) {
  std::vector<std::pair<storage::LeadKey, const Event*>> changes;
  std::set<storage::LeadKey> leads;
  for (const Event& event : events) {
    if (!event.data().has_lead() || IsGone(event) || !logic::ConcernsStages(event)) continue;
    const std::string& name = event.data().lead().name();
    changes.push_back({{event.tenant(), name.substr(name.find('/') + 1)}, &event});
    leads.insert(changes.back().first);
  }
  EMBUDO_ASSIGN_OR_RETURN(auto stays, storage::LoadStays(connection, leads));
  for (const auto& [key, event] : changes) logic::Apply(*event, event->data().lead(), stays[key]);
  return storage::SaveStays(connection, stays);
}

absl::Status Write(db::Connection& connection, const Batch& batch) {
  EMBUDO_RETURN_IF_ERROR(storage::SaveTenants(connection, batch.tenants));
  EMBUDO_RETURN_IF_ERROR(storage::SaveNames(connection, batch.records));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveNames(connection, batch.gone_records));
  EMBUDO_RETURN_IF_ERROR(storage::SaveLeads(connection, batch.leads));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveLeads(connection, batch.gone_leads));
  EMBUDO_RETURN_IF_ERROR(storage::SaveActivities(connection, batch.activities));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveActivities(connection, batch.gone_activities));
  EMBUDO_RETURN_IF_ERROR(storage::SaveTouches(connection, batch.touches));
  EMBUDO_RETURN_IF_ERROR(storage::RemoveTouches(connection, batch.gone_touches));
  // Last, so that what came before an erasure does not come after it.
  for (const auto& [tenant, erasure] : batch.erasures) {
    EMBUDO_RETURN_IF_ERROR(storage::ErasePerson(connection, tenant, *erasure));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Project(db::Connection& connection, const std::vector<Event>& events) {
  const Batch batch = Read(events);
  EMBUDO_ASSIGN_OR_RETURN(auto rollups, storage::RollupChange::Begin(connection, LeadsOf(events)));
  // Days and months are told in a tenant's time zone: in another, every sum is another.
  for (const auto& [tenant, record] : batch.tenants) EMBUDO_RETURN_IF_ERROR(rollups.Drop(connection, tenant));
  EMBUDO_RETURN_IF_ERROR(rollups.TakeOut(connection));
  EMBUDO_RETURN_IF_ERROR(Write(connection, batch));
  EMBUDO_RETURN_IF_ERROR(TakeStays(connection, events));
  return rollups.PutIn(connection);
}

}  // namespace embudo::reporting::events
