#pragma once

#include <string>
#include <string_view>

namespace embudo::markup {

/// Which pictures may stay.
enum class Pictures {
  /// Those that the mail brings (`cid:`), so that nobody learns that it was read.
  kOwn,
  /// Those of https too, in what is sent out.
  kSecure,
};

/// An HTML body, read.
struct Html {
  /// What a page may show of it: elements and attributes of an allow-list, addresses of links that can do no harm.
  /// Ends within the limit.
  std::string sanitised;
  /// The same as plain text: paragraphs as lines, quotes marked by `> `.
  std::string text;
};

/// Never fails: what is no HTML comes out as text. `html` is UTF-8. `most` bytes are made of it at most.
Html ReadHtml(std::string_view html, size_t most, Pictures pictures = Pictures::kOwn);

}  // namespace embudo::markup
