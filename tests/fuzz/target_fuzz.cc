#include <arpa/inet.h>
#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "common/http/public_address.h"

namespace {

using embudo::http::CheckTarget;
using embudo::http::IsPublicAddress;

void Require(bool condition) {
  if (!condition) std::abort();
}

/// Where curl would connect to.
std::string HostOf(const std::string& uri) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  char* text = nullptr;
  if (curl_url_set(url.get(), CURLUPART_URL, uri.c_str(), 0) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_HOST, &text, 0) != CURLUE_OK) {
    return "";
  }
  std::string host = text;
  curl_free(text);
  return host;
}

}  // namespace

/// Any bytes as the address of a webhook: no crash, and what is taken does not lead to this machine or its network, in
/// whichever of the ways that the resolver understands the number is written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (input.find('\0') != std::string::npos) return 0;  // calls with it are refused before
  IsPublicAddress(input);
  for (const std::string& uri : {input, "http://" + input + "/"}) {
    const bool taken = CheckTarget(uri, false, "uri").ok();
    if (!taken) continue;
    Require(CheckTarget(uri, true, "uri").ok());
    std::string host = HostOf(uri);
    Require(host != "localhost");
    if (!host.empty() && host.front() == '[') host = host.substr(1, host.find_first_of("%]") - 1);
    in_addr four{};
    in6_addr six{};
    if (inet_aton(host.c_str(), &four) != 0) Require(IsPublicAddress(inet_ntoa(four)));
    if (inet_pton(AF_INET6, host.c_str(), &six) == 1) Require(IsPublicAddress(host));
  }
  return 0;
}
