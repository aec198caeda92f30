#include "services/capture/storage/retention.h"

#include "common/base/error.h"

namespace embudo::capture::storage {
namespace {

constexpr std::chrono::minutes kStatement{5};

constexpr char kRaw[] =
    "DELETE FROM capture.submission_raw r USING capture.submission s, pipeline.retention k"
    " WHERE s.tenant_id = r.tenant_id AND s.submission_id = r.submission_id AND k.tenant_id = s.tenant_id"
    " AND k.submission_days > 0 AND s.outcome <> '' AND s.create_time < $1::timestamptz - k.submission_days * interval "
    "'1 day'";
constexpr char kRequest[] =
    "UPDATE capture.submission s SET request = '' FROM pipeline.retention k WHERE k.tenant_id = s.tenant_id"
    " AND k.submission_days > 0 AND s.outcome <> '' AND s.request <> ''"
    " AND s.create_time < $1::timestamptz - k.submission_days * interval '1 day'";

}  // namespace

absl::Status DropOldContent(db::Pool& pool, Time now) {
  for (const char* sql : {kRaw, kRequest}) {
    EMBUDO_RETURN_IF_ERROR(db::Exec(pool, "", db::After(kStatement), sql, db::Params::Of(now)).status());
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::storage
