#include "services/capture/http/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/sha256.h"

namespace embudo::capture::http {
namespace {

constexpr char kStyle[] =
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1c1e21}"
    "main{max-width:40rem;margin:4rem auto;padding:2rem;background:#fff;border:1px solid #dcdfe4;border-radius:8px}"
    "h1{font-size:1.4rem;margin-top:0}dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}dd{margin:0}"
    "dt{color:#5a6169}label{display:block;margin:.75rem 0 .25rem}"
    "input[type=text],input[type=email],textarea{width:100%;box-sizing:border-box;padding:.5rem;font:inherit}"
    "button{margin-top:1rem;padding:.5rem 1.25rem;font:inherit;cursor:pointer}"
    "section{border-top:1px solid #dcdfe4;margin-top:1.5rem;padding-top:.5rem}";

/// Only this style, forms to this host, and nothing else: no scripts, no frames, no images.
std::string ContentPolicy() {
  return "default-src 'none'; style-src 'sha256-" + absl::Base64Escape(Sha256(kStyle)) +
         "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
}

bool Has(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return embudo::http::SameName(header.first, name); });
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Response HtmlPage(int status, const std::string& title, const std::string& body) {
  static const std::string policy = ContentPolicy();
  return {status,
          "text/html; charset=utf-8",
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
              EscapeHtml(title) + "</title><style>" + kStyle + "</style></head>\n<body><main><h1>" + EscapeHtml(title) +
              "</h1>\n" + body + "</main></body></html>\n",
          {{"Content-Security-Policy", policy}}};
}

Response MessagePage(int status, const std::string& title, const std::string& text) {
  return HtmlPage(status, title, "<p>" + EscapeHtml(text) + "</p>");
}

Response TextAnswer(int status, const std::string& text) {
  return {status, "text/plain; charset=utf-8", text + "\n", {}};
}

Response NotFoundAnswer() { return TextAnswer(404, "not found"); }

Response MethodNotAllowed(const std::string& allowed) {
  Response response = TextAnswer(405, "method not allowed");
  response.headers.emplace_back("Allow", allowed);
  return response;
}

void AddSecurityHeaders(Response& response) {
  const auto add = [&](const char* name, const char* value) {
    if (!Has(response, name)) response.headers.emplace_back(name, value);
  };
  add("Cache-Control", "no-store");
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  add("X-Robots-Tag", "noindex, nofollow");
  add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
}

}  // namespace embudo::capture::http
