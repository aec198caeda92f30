#pragma once

#include <string>
#include <string_view>

namespace embudo::markup {

/// Writes HTML down as plain text, element by element: white space folded, blocks on lines of their own, items of lists
/// marked, quotes marked by `> `.
class TextWriter {
 public:
  /// Stops at `most` bytes.
  explicit TextWriter(size_t most) : most_(most) {}

  void Start(std::string_view element);
  void End(std::string_view element);
  void Text(std::string_view text);
  std::string Take();

 private:
  /// At least so many line ends before what comes next.
  void Break(int lines);
  void Write(std::string_view word);
  void BeginLine();

  const size_t most_;
  std::string out_;
  int quotes_ = 0;
  int pre_ = 0;
  int breaks_ = 0;
  bool space_ = false;
  bool line_empty_ = true;
};

}  // namespace embudo::markup
