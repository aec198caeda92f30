#pragma once

#include <string_view>

namespace embudo::capture::mail {

/// What a line of a mail's text looks like, by itself. The lines are trimmed.

/// `On … Ada wrote:`, in the languages that mail programs speak; maybe several lines joined by spaces.
bool IsQuoteHeader(std::string_view line);
/// Whether such a header may begin with this line, so that it is worth joining it with the next ones.
bool MayBeginQuoteHeader(std::string_view line);
/// Where in the line a quote header begins, if text stands before it; npos if there is none.
size_t QuoteHeaderWithin(std::string_view line);
/// `-----Original Message-----` and its like: the whole mail that is answered or forwarded follows.
bool IsOriginalMessage(std::string_view line);
/// A line of nothing but punctuation that draws a line.
bool IsDelimiter(std::string_view line);
/// `Sent from my iPhone` and its like.
bool IsDeviceSignature(std::string_view line);
/// A header as it is repeated in a text: which one it is.
enum class QuotedHeader { kNone, kFrom, kDate, kTo, kSubject, kOther };
QuotedHeader QuotedHeaderOf(std::string_view line);

}  // namespace embudo::capture::mail
