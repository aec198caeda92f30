#pragma once

#include <string>

#include "absl/status/status.h"

namespace embudo::rpc {

/// PEM files of one process. They are read anew every minute, so certificates are renewed without a restart.
struct TlsFiles {
  std::string certificate;  ///< chain of this process, which it shows to callers and to servers
  std::string key;          ///< its private key
  std::string ca;           ///< roots that others' certificates must lead to

  bool empty() const { return certificate.empty() && key.empty() && ca.empty(); }
};

/// From now on the process's servers and clients speak TLS: a server takes only callers with a certificate of the
/// roots, a client only a server whose certificate bears the name that it was called by. With `ca` alone, clients check
/// the server and show nothing (the command line). Before the first Server or Client. INVALID_ARGUMENT if a file is
/// missing or cannot be read.
absl::Status UseTls(const TlsFiles& files);

}  // namespace embudo::rpc
