#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace embudo::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A request, read whole.
struct Request {
  /// Upper case.
  std::string method;
  /// As it came: from the first slash to the question mark, not decoded.
  std::string path;
  /// What stands after the question mark.
  std::string query;
  Headers headers;
  std::string body;
  /// Numeric address of the other end of the connection: maybe a proxy's.
  std::string peer;

  /// The first header of that name, whatever its case; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  Headers headers;
};

/// Whether two header names, or tokens, are the same: ASCII's case does not count.
bool SameName(std::string_view a, std::string_view b);
/// `%41` → `A`, and if asked for `+` → space. What is no escape stays as it is.
std::string PercentDecode(std::string_view text, bool plus_is_space);

/// The address of whoever sent the request. `hops` proxies stand before the service, each of which adds to
/// X-Forwarded-For the address that it was called from: the last but `hops` is what can be believed. Without such a
/// header, or with one that is no address there, the peer.
std::string ClientAddress(const Request& request, int hops);
/// What addresses are counted by: an IPv6 network of 64 bits, which one customer has, or the IPv4 address itself.
std::string AddressGroup(const std::string& address);

}  // namespace embudo::http
