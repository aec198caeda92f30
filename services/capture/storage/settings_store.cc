#include "services/capture/storage/settings_store.h"

#include <optional>

#include "common/base/error.h"

namespace embudo::capture::storage {
namespace {

using db::Params;
using v1::CaptureSettings;

CaptureSettings Read(const db::Row& row) {
  CaptureSettings settings;
  settings.ParseFromString(row.Bytes(0));
  settings.set_etag(std::to_string(row.Int(1)));
  return settings;
}

}  // namespace

absl::StatusOr<CaptureSettings> SettingsStore::Get(const std::string& tenant, db::Deadline deadline) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline, "SELECT data, revision FROM capture.settings WHERE tenant_id = $1",
               Params::Of(tenant)));
  if (!rows.empty()) return Read(rows[0]);
  CaptureSettings settings;
  settings.set_etag("0");
  return settings;
}

absl::StatusOr<CaptureSettings> SettingsStore::Save(const std::string& tenant, const CaptureSettings& settings,
                                                    db::Deadline deadline) {
  CaptureSettings kept = settings;
  kept.clear_default_duplicate_rules();
  kept.clear_etag();
  // Of a tenant that has none yet the etag is 0.
  const std::string etag = settings.etag();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, tenant, deadline,
               "INSERT INTO capture.settings AS s (tenant_id, data, revision) SELECT $1, $2::bytea, 1"
               " WHERE $3 IN ('', '0') OR EXISTS (SELECT FROM capture.settings WHERE tenant_id = $1)"
               " ON CONFLICT (tenant_id) DO UPDATE SET data = excluded.data, revision = s.revision + 1"
               " WHERE $3 IN ('', s.revision::text) RETURNING data, revision",
               Params::Of(tenant).AddBytes(kept.SerializeAsString()).Add(etag)));
  if (rows.empty()) return StaleEtag("captureSettings");
  return Read(rows[0]);
}

}  // namespace embudo::capture::storage
