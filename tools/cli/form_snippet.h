#pragma once

#include <string>

#include "embudo/capture/v1/form.pb.h"

namespace embudo::cli {

/// HTML that sends a form to the service whose public addresses begin with `uri`: one input for each mapped field, the
/// honeypot and the consent. `script`: sent by fetch(), without leaving the page.
std::string FormSnippet(const capture::v1::Form& form, const std::string& uri, bool script);

}  // namespace embudo::cli
