#include "services/capture/events/eraser.h"

#include "common/base/error.h"
#include "common/privacy/dead_letters.h"
#include "common/privacy/erased.h"

namespace embudo::capture::events {
namespace {

constexpr const char* kErase[] = {
    "DELETE FROM capture.submission_raw r USING capture.submission s WHERE s.tenant_id = $1 AND s.lead_id ="
    " ANY($2::uuid[]) AND r.tenant_id = $1 AND r.submission_id = s.submission_id",
    "UPDATE capture.submission SET request = '', reason = '', findings = '', raw_content_type = '', raw_size = 0 WHERE "
    "tenant_id = $1"
    " AND lead_id = ANY($2::uuid[])",
    "DELETE FROM capture.dedupe_key WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])",
    "DELETE FROM capture.lead_key k USING capture.known_lead l WHERE l.tenant_id = $1 AND l.lead_id = ANY($2::uuid[])"
    " AND k.tenant_id = $1 AND k.key = ANY(l.keys) AND k.lead_id = l.lead_id",
    "UPDATE capture.known_lead SET contact_name = '', keys = '{}' WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"};

}  // namespace

absl::Status ErasePersons(db::Connection& connection, const std::vector<type::v1::Event>& events) {
  for (const type::v1::Event& event : events) {
    if (!event.data().has_erasure()) continue;
    const type::v1::Erasure& erasure = event.data().erasure();
    const db::Params params = db::Params::Of(event.tenant(), privacy::LeadIdsOf(erasure));
    for (const char* statement : kErase) EMBUDO_RETURN_IF_ERROR(connection.Exec(statement, params).status());
    EMBUDO_RETURN_IF_ERROR(privacy::RedactDeadLetters(connection, "capture", privacy::PersonOf(erasure)));
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::events
