#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/app/app.h"
#include "services/automation/events/mail_sender.h"

namespace embudo::automation {

/// The flags that say where mails go and how fast.
const std::vector<app::Option>& MailFlags();
/// What they say. INVALID_ARGUMENT names the one that is wrong.
absl::StatusOr<events::MailSender::Options> MailOptionsOf(const app::Config& config);

}  // namespace embudo::automation
