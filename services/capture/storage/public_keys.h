#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "common/resource/table.h"
#include "embudo/capture/v1/form.pb.h"
#include "embudo/capture/v1/hook.pb.h"
#include "embudo/capture/v1/submission.pb.h"

namespace embudo::capture::storage {

const resource::Table& FormTable();
const resource::Table& HookTable();

/// What stands behind the key in an address, and whose it is.
struct KeyedForm {
  std::string tenant;
  v1::Form form;
};
struct KeyedHook {
  std::string tenant;
  v1::Hook hook;
  /// Those that are good, the newest first.
  std::vector<std::string> secrets;
};

/// Whether a text can be a key at all.
bool IsPublicKey(std::string_view text);
/// A new one: 128 random bits.
std::string NewPublicKey();

/// The form with that key; nullopt if there is none, or it is disabled or deleted. `pool` is of the worker role: the
/// tenant is not known yet.
absl::StatusOr<std::optional<KeyedForm>> FindForm(db::Pool& pool, const std::string& key, db::Deadline deadline);
/// The same of a hook.
absl::StatusOr<std::optional<KeyedHook>> FindHook(db::Pool& pool, const std::string& key, Time now,
                                                  db::Deadline deadline);

/// The form, or the hook, of that name; nullopt if there is none, or it is deleted.
absl::StatusOr<std::optional<v1::Form>> FindFormNamed(db::Pool& pool, const std::string& tenant,
                                                      const std::string& name, db::Deadline deadline);
absl::StatusOr<std::optional<v1::Hook>> FindHookNamed(db::Pool& pool, const std::string& tenant,
                                                      const std::string& name, db::Deadline deadline);

/// The duplicate rules of the form or hook that the payload came by; none if it came another way, or that is deleted.
using DuplicateRules = google::protobuf::RepeatedPtrField<v1::DuplicateRule>;
absl::StatusOr<DuplicateRules> SourceRules(db::Pool& pool, const std::string& tenant, const v1::Payload& payload,
                                           db::Deadline deadline);

/// Gives a hook a new secret; the one before is good until `previous_end`. Returns whether there was one.
absl::StatusOr<bool> PutHookSecret(db::Connection& connection, const std::string& tenant, const std::string& hook,
                                   const std::string& secret, Time now, Time previous_end);
/// The secrets that a hook has, those that are good and those whose day is over.
absl::StatusOr<std::vector<std::string>> HookSecrets(db::Connection& connection, const std::string& tenant,
                                                     const std::string& hook);

/// The id of the submission with that request_id, with or without an outcome; empty if none is kept.
absl::StatusOr<std::string> FindKept(db::Pool& pool, const std::string& tenant, const std::string& request_id,
                                     db::Deadline deadline);

/// Whether the tenant is neither suspended nor deleted; `pool` is of the worker role.
absl::StatusOr<bool> IsServed(db::Pool& pool, const std::string& tenant, db::Deadline deadline);

}  // namespace embudo::capture::storage
