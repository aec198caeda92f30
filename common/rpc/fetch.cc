#include "common/rpc/fetch.h"

#include <curl/curl.h>

#include <fstream>
#include <memory>

namespace embudo::rpc {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr long kTimeoutMs = 5000;

size_t Append(const char* data, size_t size, size_t count, void* out) {
  auto* text = static_cast<std::string*>(out);
  if (text->size() + size * count > kMaxBytes) return 0;  // curl takes that for an error
  text->append(data, size * count);
  return size * count;
}

absl::StatusOr<std::string> FetchUrl(const std::string& url) {
  [[maybe_unused]] static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string text;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(code));
  return text;
}

absl::StatusOr<std::string> FetchFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes, '\0');
  if (!file) return absl::UnavailableError("cannot open the file");
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

absl::StatusOr<std::string> Fetch(const std::string& location) {
  const bool is_url = location.starts_with("http://") || location.starts_with("https://");
  return is_url ? FetchUrl(location) : FetchFile(location);
}

}  // namespace embudo::rpc
