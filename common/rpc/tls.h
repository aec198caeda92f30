#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "common/rpc/tls_files.h"

namespace embudo::rpc {

/// What the process's servers listen with, and its clients connect with: TLS with the files of UseTls, else none. Unix
/// sockets have none either.
std::shared_ptr<grpc::ServerCredentials> ServerCredentials();
/// Whether those are TLS'.
bool ServesTls();
std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const std::string& target);

}  // namespace embudo::rpc
