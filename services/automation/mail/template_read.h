#pragma once

#include "services/automation/mail/template.h"
#include "services/automation/mail/template_value.h"

namespace embudo::automation::mail {

/// What a path leads to in a scene.
Value ReadValue(const BoundPath& path, const Scene& scene);

}  // namespace embudo::automation::mail
