#include "common/app/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace embudo::app {

std::string WithFreePort(const std::string& listen) {
  if (!listen.ends_with(":0")) return listen;
  const std::string host = listen.substr(0, listen.size() - 2);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return listen;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return listen;
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(fd, generic, length) == 0 && getsockname(fd, generic, &length) == 0;
  close(fd);
  return found ? host + ":" + std::to_string(ntohs(address.sin_port)) : listen;
}

}  // namespace embudo::app
