#pragma once

#include <string>
#include <string_view>

namespace embudo::capture::mail {

/// A mail's text in two.
struct Folded {
  /// What its author wrote now. Quotes that stand between the author's own lines stay: they are what is answered.
  std::string body;
  /// What it quotes of earlier mails, and the signature.
  std::string quoted;
};

/// Tells what is new in a reply from what is quoted and signed, by how mail programs of some twenty languages mark it.
/// Nothing is lost: every line goes to one of the two. Time is linear in the text's length.
Folded Fold(std::string_view text);

}  // namespace embudo::capture::mail
