#include "services/automation/events/smtp_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "common/base/error.h"
#include "common/rpc/fetch.h"

namespace embudo::automation::events {
namespace {

constexpr size_t kMaxText = 500;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// What is being sent, and what was said about it.
struct Exchange {
  const std::string& bytes;
  size_t at = 0;
  bool asked_receiver = false;
  std::string receiver;
  std::string last_reply;
  std::string refused;
};

std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kMaxText));
  while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
  for (char& c : out) {
    if (c < 0x20 || c == 0x7f) c = c < 0 ? '?' : ' ';
  }
  return out;
}

size_t Read(char* out, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const size_t take = std::min(size * count, exchange.bytes.size() - exchange.at);
  std::memcpy(out, exchange.bytes.data() + exchange.at, take);
  exchange.at += take;
  return take;
}

/// Curl goes on when one of several receivers is refused, and does not tell which.
int Overhear(CURL*, curl_infotype type, char* data, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  if (type == CURLINFO_HEADER_OUT) {
    exchange.asked_receiver = line.starts_with("RCPT TO:");
    exchange.receiver = Printable(line.substr(0, line.find('\r')));
  } else if (type == CURLINFO_HEADER_IN && size > 3 && line[3] != '-') {
    // What it says to QUIT is not about the mail.
    if (!line.starts_with("221")) exchange.last_reply = Printable(line);
    if (exchange.asked_receiver && (line[0] == '4' || line[0] == '5')) {
      exchange.refused += exchange.receiver + ": " + Printable(line) + "\n";
    }
  }
  return 0;
}

/// Replies about who we are, not about the mail: the operator has to mend something, and the mail can wait for it.
bool IsAboutUs(int code) { return code == 530 || code == 534 || code == 535 || code == 538 || code == 454; }

SmtpAnswer AnswerOf(CURLcode code, long reply, const char* error, const Exchange& exchange) {
  SmtpAnswer answer;
  answer.code = static_cast<int>(reply);
  answer.text =
      exchange.last_reply.empty() ? Printable(error[0] == 0 ? curl_easy_strerror(code) : error) : exchange.last_reply;
  if (code == CURLE_OK) {
    answer.kind = SmtpAnswer::Kind::kTaken;
    answer.refused = exchange.refused;
    return answer;
  }
  const bool reached_mail = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY;
  const bool refused =
      reached_mail && reply >= 500 && reply < 600 && !IsAboutUs(static_cast<int>(reply)) && code != CURLE_LOGIN_DENIED;
  answer.kind = refused ? SmtpAnswer::Kind::kRefused : SmtpAnswer::Kind::kLater;
  // The last word of a server that then fell silent says nothing of why.
  if (code == CURLE_OPERATION_TIMEDOUT || reply < 400)
    answer.text = Printable(error[0] == 0 ? curl_easy_strerror(code) : error);
  if (reply < 400) answer.code = 0;
  return answer;
}

}  // namespace

struct SmtpClient::Handle {
  CURL* curl = curl_easy_init();
  char error[CURL_ERROR_SIZE] = {};
  ~Handle() { curl_easy_cleanup(curl); }
};

SmtpClient::SmtpClient(SmtpOptions options)
    : options_(std::move(options)), handle_([] {
        static std::once_flag once;
        std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
        return std::make_unique<Handle>();
      }()) {}
SmtpClient::~SmtpClient() = default;

SmtpAnswer SmtpClient::Send(const std::string& sender, const std::vector<std::string>& receivers,
                            const std::string& bytes) {
  CURL* curl = handle_->curl;
  // Keeps the connection.
  curl_easy_reset(curl);
  handle_->error[0] = 0;
  Exchange exchange{bytes};
  curl_slist* first = nullptr;
  for (const std::string& receiver : receivers) first = curl_slist_append(first, ("<" + receiver + ">").c_str());
  const std::unique_ptr<curl_slist, FreeList> list(first);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, handle_->error);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_URL, options_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, ("<" + sender + ">").c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, list.get());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, &Read);
  curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, &Overhear);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &exchange);
  if (options_.tls != SmtpOptions::Tls::kNone) {
    const bool required = options_.tls == SmtpOptions::Tls::kRequired;
    curl_easy_setopt(curl, CURLOPT_USE_SSL, required ? CURLUSESSL_ALL : CURLUSESSL_TRY);
  }
  if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.username.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, options_.username.c_str());
    std::string password;
    if (!options_.password_file.empty()) {
      const auto read = rpc::Fetch(options_.password_file);
      if (!read.ok()) return {SmtpAnswer::Kind::kLater, 0, "the password can't be read", ""};
      password = read->substr(0, read->find_first_of("\r\n"));
    }
    curl_easy_setopt(curl, CURLOPT_PASSWORD, password.c_str());
  }
  const CURLcode code = curl_easy_perform(curl);
  long reply = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply);
  return AnswerOf(code, reply, handle_->error, exchange);
}

}  // namespace embudo::automation::events
