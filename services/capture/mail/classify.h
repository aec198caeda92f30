#pragma once

#include <string>
#include <vector>

#include "services/capture/mail/message.h"

namespace embudo::capture::mail {

/// The header that Embudo's own mails bear, so that one that comes back is known.
inline constexpr char kLoopHeader[] = "x-embudo-loop";

/// What a mail is, by itself: whom it belongs to is another question.
struct Traits {
  /// Not empty: it goes round in circles, and this is how one sees it.
  std::string loop;
  /// A mail that could not be delivered came back.
  bool bounce = false;
  /// A report of a mail that is still on its way, or has arrived: nothing is lost.
  bool delivery_notice = false;
  /// A machine wrote it: out of office, a receipt, a notification.
  bool automatic = false;
  /// How one sees that.
  std::string automatic_by;
  /// Not empty: it came by a mailing list, or was written to many, and this is how one sees it.
  std::string list_by;
  /// A filter before us took it for spam.
  bool spam = false;
};

/// Looks at a mail. `own` are the addresses that our own mails come from, in their normal form. Fills the reports of
/// bounces that know no RFC 3464.
Traits Classify(Mail& mail, const std::vector<std::string>& own);

}  // namespace embudo::capture::mail
