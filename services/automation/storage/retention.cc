#include "services/automation/storage/retention.h"

namespace embudo::automation::storage {
namespace {

constexpr std::chrono::minutes kStatement{5};

constexpr char kDrop[] =
    "UPDATE automation.mail m SET to_addresses = '{}', cc_addresses = '{}', domain = '', error = '',"
    " revision = revision + 1, version = version + 1 FROM pipeline.retention k WHERE k.tenant_id = m.tenant_id"
    " AND k.mail_days > 0 AND m.next_attempt_time IS NULL AND m.to_addresses <> '{}'"
    " AND m.create_time < $1::timestamptz - k.mail_days * interval '1 day'";

}  // namespace

absl::Status DropOldAddresses(db::Pool& pool, Time now) {
  return db::Exec(pool, "", db::After(kStatement), kDrop, db::Params::Of(now)).status();
}

}  // namespace embudo::automation::storage
