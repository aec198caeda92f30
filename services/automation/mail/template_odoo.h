#pragma once

#include <string>
#include <vector>

namespace embudo::automation::mail {

/// A path as Odoo's templates write it (`object`, `partner_id`, `name`) as one of ours (`lead`, `contact`, `name`), in
/// place. Else what is wrong, in `error`, and false.
bool FromOdoo(std::vector<std::string>& parts, std::string& error);

}  // namespace embudo::automation::mail
