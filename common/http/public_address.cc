#include "common/http/public_address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"
#include "common/base/error.h"

namespace embudo::http {
namespace {

struct Network {
  const char* address;
  int bits;
};

// IANA's special-purpose registries (RFC 6890 and later), those that are not global.
constexpr std::array<Network, 15> kNotPublic4 = {{{"0.0.0.0", 8},
                                                  {"10.0.0.0", 8},
                                                  {"100.64.0.0", 10},
                                                  {"127.0.0.0", 8},
                                                  {"169.254.0.0", 16},
                                                  {"172.16.0.0", 12},
                                                  {"192.0.0.0", 24},
                                                  {"192.0.2.0", 24},
                                                  {"192.88.99.0", 24},
                                                  {"192.168.0.0", 16},
                                                  {"198.18.0.0", 15},
                                                  {"198.51.100.0", 24},
                                                  {"203.0.113.0", 24},
                                                  {"224.0.0.0", 4},
                                                  {"240.0.0.0", 4}}};

bool InNetwork(const uint8_t* address, const uint8_t* network, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    const int mask = 0x80 >> bit % 8;
    if ((address[bit / 8] & mask) != (network[bit / 8] & mask)) return false;
  }
  return true;
}

bool IsPublic4(const uint8_t* address) {
  for (const Network& network : kNotPublic4) {
    std::array<uint8_t, 4> bytes{};
    inet_pton(AF_INET, network.address, bytes.data());
    if (InNetwork(address, bytes.data(), network.bits)) return false;
  }
  return true;
}

bool IsPublic6(const uint8_t* address) {
  std::array<uint8_t, 16> mapped{};
  mapped[10] = mapped[11] = 0xff;
  if (InNetwork(address, mapped.data(), 96)) return IsPublic4(address + 12);
  std::array<uint8_t, 16> translated{0x00, 0x64, 0xff, 0x9b};  // 64:ff9b::/96, NAT64
  if (InNetwork(address, translated.data(), 96)) return IsPublic4(address + 12);
  // 2000::/3 is what is given out; of it, 2001::/23 is IETF's own, Teredo, which leads to IPv4, among it, as 2002::/16
  // does; 2001:db8::/32 and 3fff::/20 are for documentation.
  if ((address[0] & 0xe0) != 0x20) return false;
  constexpr std::array<Network, 4> kNotPublic6 = {{{"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}}};
  for (const Network& network : kNotPublic6) {
    std::array<uint8_t, 16> bytes{};
    inet_pton(AF_INET6, network.address, bytes.data());
    if (InNetwork(address, bytes.data(), network.bits)) return false;
  }
  return true;
}

std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

/// Refuses to connect where a name leads to an address that is not public.
curl_socket_t OpenPublic(void* /*unused*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  char host[NI_MAXHOST];
  const int failed = getnameinfo(&address->addr, address->addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  if (failed != 0 || !IsPublicAddress(host)) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype, address->protocol);
}

}  // namespace

bool IsPublicAddress(std::string_view address) {
  const std::string text(address);
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return IsPublic4(bytes.data());
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return IsPublic6(bytes.data());
  return false;
}

void ConnectPublicOnly(void* curl) { curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, OpenPublic); }

absl::Status CheckTarget(const std::string& uri, bool private_allowed, std::string_view field) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, uri.c_str(), 0) != CURLUE_OK) {
    return InvalidField(std::string(field), "is no address");
  }
  const std::string scheme = PartOf(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return InvalidField(std::string(field), "is neither http nor https");
  if (!PartOf(url.get(), CURLUPART_USER).empty() || !PartOf(url.get(), CURLUPART_PASSWORD).empty()) {
    return InvalidField(std::string(field), "must not hold a user or a password");
  }
  std::string host = absl::AsciiStrToLower(PartOf(url.get(), CURLUPART_HOST));
  if (private_allowed) return absl::OkStatus();
  if (host.ends_with('.')) host.pop_back();  // the root, which every name ends at
  if (!host.empty() && host.front() == '[') host = host.substr(1, host.find_first_of("%]") - 1);
  const bool numeric =
      host.find(':') != std::string::npos || host.find_first_not_of("0123456789.xXabcdefABCDEF") == std::string::npos;
  const bool local =
      host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local") || host.ends_with(".internal");
  if (local ||
      (numeric && !host.empty() && std::isdigit(static_cast<unsigned char>(host.back())) != 0 &&
       !IsPublicAddress(host)) ||
      (host.find(':') != std::string::npos && !IsPublicAddress(host))) {
    return InvalidField(std::string(field), "is not a public address");
  }
  return absl::OkStatus();
}

}  // namespace embudo::http
