#include "services/capture/events/http_lookup.h"

#include <curl/curl.h>

#include <memory>

#include "common/http/public_address.h"

namespace embudo::capture::events {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

size_t Append(const char* data, size_t size, size_t count, void* out) {
  auto* text = static_cast<std::string*>(out);
  if (text->size() + size * count > kMaxBytes) return 0;  // curl takes that for an error
  text->append(data, size * count);
  return size * count;
}

}  // namespace

absl::StatusOr<std::optional<std::string>> LookUp(const HttpLookup& lookup) {
  [[maybe_unused]] static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string text;
  curl_slist* list = curl_slist_append(nullptr, "accept: application/json");
  if (!lookup.header.empty()) list = curl_slist_append(list, lookup.header.c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, lookup.uri.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "embudo");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(lookup.timeout.count()));  // NOLINT
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
  // A proxy would hide where the name leads.
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  if (!lookup.private_targets) embudo::http::ConnectPublicOnly(curl.get());
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(code));
  long status = 0;  // NOLINT(google-runtime-int): libcurl's type
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 404 || status == 204) return std::nullopt;
  if (status / 100 != 2) return absl::UnavailableError("it answered " + std::to_string(status));
  return text;
}

}  // namespace embudo::capture::events
