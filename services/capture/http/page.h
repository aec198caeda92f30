#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace embudo::capture::http {

using embudo::http::Request;
using embudo::http::Response;

/// Who sends a request, as the endpoints see it.
struct Visitor {
  /// Numeric address, behind trusted proxies the one that they tell.
  std::string address;
  std::chrono::steady_clock::time_point deadline;
};

/// An answer, and what it is about, for the log: never a key or a token.
struct Answer {
  Response response;
  std::string tenant = {};
  std::string name = {};
};

/// `&`, `<`, `>` and quotes as HTML's entities.
std::string EscapeHtml(std::string_view text);
/// A small page without scripts. `body` is HTML.
Response HtmlPage(int status, const std::string& title, const std::string& body);
/// A page with a title and a sentence.
Response MessagePage(int status, const std::string& title, const std::string& text);
Response TextAnswer(int status, const std::string& text);
Response NotFoundAnswer();
/// With the methods that there are.
Response MethodNotAllowed(const std::string& allowed);
/// The headers that every answer gets: nothing is kept, framed, guessed at or told to others.
void AddSecurityHeaders(Response& response);

}  // namespace embudo::capture::http
