#include "services/capture/events/imap_client.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>

#include "common/base/error.h"

namespace embudo::capture::events {
namespace {

/// Of an answer: no server of good will sends more.
constexpr size_t kMaxLine = 1 << 20;
constexpr size_t kMaxLiteral = size_t{64} << 20;
constexpr size_t kMaxMails = 10000;

absl::Status Failed(const char* reason, const std::string& what) {
  return Error(absl::StatusCode::kUnavailable, reason, what);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\r' && c != '\n') out += c;
  }
  return out + '"';
}

/// The size in `… {123}`; nullopt if the line ends otherwise.
std::optional<size_t> LiteralSize(std::string_view line) {
  if (line.empty() || line.back() != '}') return std::nullopt;
  const size_t open = line.rfind('{');
  size_t size = 0;
  const char* const end = line.data() + line.size() - 1;
  if (open == std::string_view::npos) return std::nullopt;
  const auto [at, error] = std::from_chars(line.data() + open + 1, end, size);
  return error == std::errc() && at == end ? std::optional<size_t>(size) : std::nullopt;
}

}  // namespace

/// The bytes on the wire, buffered.
struct ImapClient::Connection {
  CURL* curl = nullptr;
  char error[CURL_ERROR_SIZE] = {};
  std::chrono::seconds timeout{30};
  std::string buffer;
  size_t at = 0;

  ~Connection() {
    if (curl != nullptr) curl_easy_cleanup(curl);
  }

  absl::Status Wait(short events, std::chrono::steady_clock::time_point until) const {
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &socket);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd wanted{socket, events, 0};
    if (socket == CURL_SOCKET_BAD || left <= 0 || poll(&wanted, 1, static_cast<int>(left)) <= 0) {
      return Failed("IMAP_TIMEOUT", "the IMAP server is silent");
    }
    return absl::OkStatus();
  }

  absl::Status Send(std::string_view bytes) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (!bytes.empty()) {
      size_t sent = 0;
      const CURLcode code = curl_easy_send(curl, bytes.data(), bytes.size(), &sent);
      if (code == CURLE_AGAIN) {
        EMBUDO_RETURN_IF_ERROR(Wait(POLLOUT, until));
      } else if (code != CURLE_OK) {
        return Failed("IMAP_LOST", "the connection to the IMAP server is lost");
      }
      bytes.remove_prefix(sent);
    }
    return absl::OkStatus();
  }

  absl::Status Fill() {
    buffer.erase(0, at);
    at = 0;
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (true) {
      char piece[16384];
      size_t size = 0;
      const CURLcode code = curl_easy_recv(curl, piece, sizeof piece, &size);
      if (code == CURLE_AGAIN) {
        EMBUDO_RETURN_IF_ERROR(Wait(POLLIN, until));
        continue;
      }
      if (code != CURLE_OK || size == 0) return Failed("IMAP_LOST", "the connection to the IMAP server is lost");
      buffer.append(piece, size);
      return absl::OkStatus();
    }
  }

  absl::StatusOr<std::string> ReadLine() {
    size_t end = 0;
    size_t from = at;
    while ((end = buffer.find("\r\n", from)) == std::string::npos) {
      if (buffer.size() - at > kMaxLine) return Failed("IMAP_ANSWER", "the IMAP server sends a line without end");
      const size_t have = buffer.size() - at;
      EMBUDO_RETURN_IF_ERROR(Fill());
      from = have == 0 ? 0 : have - 1;
    }
    std::string line = buffer.substr(at, end - at);
    at = end + 2;
    return line;
  }

  absl::StatusOr<std::string> ReadBytes(size_t size) {
    if (size > kMaxLiteral) return Failed("IMAP_ANSWER", "the IMAP server sends more than was asked for");
    std::string out;
    while (out.size() < size) {
      if (at == buffer.size()) EMBUDO_RETURN_IF_ERROR(Fill());
      const size_t take = std::min(size - out.size(), buffer.size() - at);
      out.append(buffer, at, take);
      at += take;
    }
    return out;
  }
};

ImapClient::ImapClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
ImapClient::~ImapClient() = default;

absl::StatusOr<std::unique_ptr<ImapClient>> ImapClient::Connect(const ImapOptions& options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  auto connection = std::make_unique<Connection>();
  connection->timeout = options.timeout;
  CURL* curl = connection->curl = curl_easy_init();
  if (curl == nullptr) return Internal("curl_easy_init");
  const bool implicit = options.tls == ImapOptions::Tls::kImplicit;
  const std::string host = options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]";
  const std::string url = (implicit ? "imaps://" : "imap://") + host + ":" + std::to_string(options.port);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, connection->error);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "imap,imaps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_USERNAME, options.username.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, options.password.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  if (options.tls == ImapOptions::Tls::kStartTls) curl_easy_setopt(curl, CURLOPT_USE_SSL, CURLUSESSL_ALL);
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_LOGIN_DENIED) return Failed("IMAP_LOGIN", "the IMAP server does not let the user in");
  if (code != CURLE_OK) {
    const char* why = connection->error[0] != 0 ? connection->error : curl_easy_strerror(code);
    return Failed("IMAP_CONNECT", std::string("no connection to the IMAP server: ") + why);
  }
  return std::unique_ptr<ImapClient>(new ImapClient(std::move(connection)));
}

absl::StatusOr<std::vector<ImapClient::Line>> ImapClient::Run(const std::string& command) {
  const std::string tag = "E" + std::to_string(++tag_);
  EMBUDO_RETURN_IF_ERROR(connection_->Send(tag + " " + command + "\r\n"));
  std::vector<Line> lines;
  while (true) {
    Line line;
    EMBUDO_ASSIGN_OR_RETURN(line.text, connection_->ReadLine());
    if (line.text.starts_with(tag + " ")) {
      if (line.text.substr(tag.size() + 1).starts_with("OK")) return lines;
      return Failed("IMAP_REFUSED",
                    command.substr(0, command.find(' ')) + ": " + line.text.substr(tag.size() + 1, 200));
    }
    // A line goes on after each literal; what is asked for here has one at most.
    while (const auto size = LiteralSize(line.text)) {
      EMBUDO_ASSIGN_OR_RETURN(line.literal, connection_->ReadBytes(*size));
      EMBUDO_ASSIGN_OR_RETURN(const std::string rest, connection_->ReadLine());
      line.text.erase(line.text.rfind('{'));
      line.text += rest;
    }
    lines.push_back(std::move(line));
    if (lines.size() > kMaxMails) return Failed("IMAP_ANSWER", "the IMAP server sends too many lines");
  }
}

absl::Status ImapClient::Select(const std::string& folder) { return Run("SELECT " + Quoted(folder)).status(); }

absl::StatusOr<std::vector<uint32_t>> ImapClient::Unseen() {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Line> lines, Run("UID SEARCH UNSEEN"));
  std::vector<uint32_t> uids;
  for (const Line& line : lines) {
    constexpr std::string_view kSearch = "* SEARCH";
    if (!line.text.starts_with(kSearch)) continue;
    const char* at = line.text.data() + kSearch.size();
    const char* const end = line.text.data() + line.text.size();
    while (at < end && uids.size() < kMaxMails) {
      uint32_t uid = 0;
      const auto [next, error] = std::from_chars(at, end, uid);
      if (error == std::errc()) uids.push_back(uid);
      at = error == std::errc() ? next : at + 1;
    }
  }
  return uids;
}

absl::StatusOr<std::string> ImapClient::Fetch(uint32_t uid, size_t most) {
  EMBUDO_ASSIGN_OR_RETURN(std::vector<Line> lines, Run("UID FETCH " + std::to_string(uid) + " (UID BODY.PEEK[]<0." +
                                                       std::to_string(most) + ">)"));
  for (Line& line : lines) {
    if (!line.literal.empty()) return std::move(line.literal);
  }
  return std::string();
}

absl::Status ImapClient::MarkSeen(uint32_t uid) {
  return Run("UID STORE " + std::to_string(uid) + " +FLAGS.SILENT (\\Seen)").status();
}

absl::Status ImapClient::Move(uint32_t uid, const std::string& folder) {
  EMBUDO_RETURN_IF_ERROR(MarkSeen(uid));
  const std::string number = std::to_string(uid);
  if (can_move_) {
    absl::Status moved = Run("UID MOVE " + number + " " + Quoted(folder)).status();
    if (moved.ok() || ReasonOf(moved) != "IMAP_REFUSED") return moved;
    // The folder is not there, or the server knows no MOVE (RFC 6851).
    Run("CREATE " + Quoted(folder)).status().IgnoreError();
    moved = Run("UID MOVE " + number + " " + Quoted(folder)).status();
    if (moved.ok() || ReasonOf(moved) != "IMAP_REFUSED") return moved;
    can_move_ = false;
  }
  EMBUDO_RETURN_IF_ERROR(Run("UID COPY " + number + " " + Quoted(folder)).status());
  EMBUDO_RETURN_IF_ERROR(Run("UID STORE " + number + " +FLAGS.SILENT (\\Deleted)").status());
  return Run("EXPUNGE").status();
}

}  // namespace embudo::capture::events
