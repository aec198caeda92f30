#pragma once

#include <gmime/gmime.h>

#include <memory>
#include <string>
#include <string_view>

namespace embudo::capture::mail {

/// Owning pointers to GMime's objects.
struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <class T>
using Ref = std::unique_ptr<T, Unref>;

struct Free {
  void operator()(char* text) const { g_free(text); }
};
using GText = std::unique_ptr<char, Free>;

/// How everything is parsed: leniently, 8-bit headers taken as UTF-8 or Windows-1252. Initialises GMime at first use.
GMimeParserOptions* ParserOptions();
/// An object's header as written; empty if there is none.
std::string_view RawHeader(GMimeObject* object, const char* name);
/// A header's text: unfolded, encoded words decoded.
std::string DecodeText(std::string_view raw);
/// The content of a part, its transfer encoding undone.
std::string ContentOf(GMimePart* part);
/// An object written out, headers and all.
std::string Serialise(GMimeObject* object);
inline std::string_view View(const char* text) { return text == nullptr ? std::string_view() : text; }

}  // namespace embudo::capture::mail
