#include "common/http/webhook_client.h"

#include <curl/curl.h>

#include <algorithm>

#include "common/http/public_address.h"
#include "common/http/webhook_signature.h"

namespace embudo::http {
namespace {

/// What is kept of an answer that says no.
constexpr size_t kExcerpt = 500;
/// A target that asks for a longer pause is tried again all the same.
constexpr std::chrono::hours kLongestRetryAfter{24};

size_t KeepExcerpt(char* data, size_t size, size_t count, void* out) {
  auto& text = *static_cast<std::string*>(out);
  text.append(data, std::min(size * count, kExcerpt - std::min(kExcerpt, text.size())));
  return size * count;
}

/// What a stranger answered, as text that PostgreSQL takes.
std::string CleanText(const std::string& text) {
  std::string out;
  for (const char c : text) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

}  // namespace

/// A call under way.
struct WebhookClient::Attempt {
  Call call;
  std::string answer;
  char error[CURL_ERROR_SIZE] = "";
  curl_slist* headers = nullptr;
  CURL* easy = curl_easy_init();

  explicit Attempt(Call what) : call(std::move(what)) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }

  void AddHeader(const std::string& line) { headers = curl_slist_append(headers, line.c_str()); }

  Outcome Ended(CURLcode code) const {
    Outcome outcome{.tag = call.tag};
    int64_t micros = 0;
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &micros);
    outcome.duration = std::chrono::milliseconds(micros / 1000);
    if (code != CURLE_OK) {
      outcome.error = CleanText(error[0] != '\0' ? error : curl_easy_strerror(code));
      return outcome;
    }
    long status = 0;  // NOLINT(google-runtime-int): libcurl's type
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    if (outcome.status / 100 != 2) outcome.error = CleanText(answer);
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) {
      outcome.retry_after = std::min<std::chrono::seconds>(std::chrono::seconds(seconds), kLongestRetryAfter);
    }
    return outcome;
  }
};

WebhookClient::WebhookClient(Options options) : options_(options), multi_(curl_multi_init()) {}

WebhookClient::~WebhookClient() {
  for (const auto& [easy, attempt] : attempts_) curl_multi_remove_handle(multi_, easy);
  attempts_.clear();
  curl_multi_cleanup(multi_);
}

void WebhookClient::Begin(Call call, Time now) {
  auto attempt = std::make_unique<Attempt>(std::move(call));
  const Call& what = attempt->call;
  const std::string time = WebhookTimestamp(now);
  attempt->AddHeader("content-type: " + what.content_type);
  attempt->AddHeader("webhook-id: " + what.id);
  attempt->AddHeader("webhook-timestamp: " + time);
  attempt->AddHeader("webhook-signature: " + WebhookSignature(what.secrets, what.id, time, what.body));
  attempt->AddHeader("expect:");
  CURL* easy = attempt->easy;
  curl_easy_setopt(easy, CURLOPT_URL, what.uri.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "embudo");
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, what.body.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, KeepExcerpt);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &attempt->answer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, attempt->error);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));  // NOLINT
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A proxy would hide where the name leads.
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (!options_.private_targets) ConnectPublicOnly(easy);
  curl_multi_add_handle(multi_, easy);
  attempts_.emplace(easy, std::move(attempt));
}

std::vector<WebhookClient::Outcome> WebhookClient::Await(std::chrono::milliseconds longest) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  const auto ended = [&] {
    std::vector<Outcome> outcomes;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto found = attempts_.find(message->easy_handle);
      if (found == attempts_.end()) continue;
      outcomes.push_back(found->second->Ended(message->data.result));
      curl_multi_remove_handle(multi_, found->first);
      attempts_.erase(found);
    }
    return outcomes;
  };
  std::vector<Outcome> outcomes = ended();
  if (!outcomes.empty()) return outcomes;
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(longest.count()), nullptr);
  curl_multi_perform(multi_, &running);
  return ended();
}

void WebhookClient::Cancel(const std::string& tag) {
  for (auto it = attempts_.begin(); it != attempts_.end(); ++it) {
    if (it->second->call.tag != tag) continue;
    curl_multi_remove_handle(multi_, it->first);
    attempts_.erase(it);
    return;
  }
}

void WebhookClient::Wake() { curl_multi_wakeup(multi_); }

}  // namespace embudo::http
