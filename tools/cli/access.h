#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/client.h"
#include "tools/cli/context.h"

namespace embudo::cli {

/// How the calls of this process show who makes them, and whether they go over TLS: flags for every command.
void AddAccessFlags(CLI::App& app);
/// Reads the files that the flags name. After parsing, before the first call.
absl::Status SetUpAccess();
/// The given bearer token; without one, tokens that the services' key signs; without that, the development identity.
std::shared_ptr<rpc::Credentials> CredentialsFor(const std::string& token);

/// `embudo keys …`
void AddKeys(CLI::App& app, Context& context);

}  // namespace embudo::cli
