#pragma once

#include <vector>

#include "embudo/automation/v1/template.pb.h"

namespace embudo::automation::logic {

/// The templates that a new tenant gets:
///   mailTemplates/first-outreach         after a form: thanks, and what comes next
///   mailTemplates/meeting-confirmation   the day of the next activity, with an agenda
///   mailTemplates/proposal               a cover letter, with the next steps
///   mailTemplates/meeting-summary        what was said, and who does what
///   mailTemplates/won-follow-up          thanks, and how it begins
///   mailTemplates/lost-follow-up         thanks, and a door left open
std::vector<v1::MailTemplate> DefaultTemplates();

}  // namespace embudo::automation::logic
