#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/db/connection.h"
#include "common/privacy/redact.h"

namespace embudo::privacy {

/// Takes a person out of the events that a consumer could not apply (see event::Consumer), in `<schema>.dead_letter`.
absl::Status RedactDeadLetters(db::Connection& connection, const std::string& schema, const Person& person);

}  // namespace embudo::privacy
