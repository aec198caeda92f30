#include "tools/cli/access.h"

#include <iostream>

#include "common/base/error.h"
#include "common/rpc/tls_files.h"

namespace embudo::cli {
namespace {

/// One process makes calls in one way.
struct Access {
  std::string service_key;
  rpc::TlsFiles tls;
  std::shared_ptr<rpc::Credentials> signing;
};

Access& TheAccess() {
  static Access& access = *new Access;
  return access;
}

}  // namespace

void AddAccessFlags(CLI::App& app) {
  Access& access = TheAccess();
  app.add_option("--service-key", access.service_key,
                 "PEM file of the services' key, which signs a token for each call")
      ->envname("EMBUDO_SERVICE_KEY");
  app.add_option("--tls-ca", access.tls.ca, "PEM file of the roots that servers' certificates lead to; empty: no TLS")
      ->envname("EMBUDO_TLS_CA");
  app.add_option("--tls-certificate", access.tls.certificate, "PEM file of the caller's certificates")
      ->envname("EMBUDO_TLS_CERTIFICATE");
  app.add_option("--tls-key", access.tls.key, "PEM file of their private key")->envname("EMBUDO_TLS_KEY");
}

absl::Status SetUpAccess() {
  Access& access = TheAccess();
  if (!access.tls.empty()) EMBUDO_RETURN_IF_ERROR(rpc::UseTls(access.tls));
  if (access.service_key.empty()) return absl::OkStatus();
  rpc::SigningOptions options;
  options.private_key_pem_file = access.service_key;
  EMBUDO_ASSIGN_OR_RETURN(access.signing, rpc::SigningCredentials(options));
  return absl::OkStatus();
}

std::shared_ptr<rpc::Credentials> CredentialsFor(const std::string& token) {
  if (!token.empty()) return rpc::TokenCredentials(token);
  return TheAccess().signing != nullptr ? TheAccess().signing : rpc::DevCredentials();
}

void AddKeys(CLI::App& app, Context& context) {
  CLI::App& keys = *app.add_subcommand("keys", "The keys of the installation");
  keys.require_subcommand(1);
  const auto file = std::make_shared<std::string>();
  CLI::App& jwks = *keys.add_subcommand("jwks", "The public half of a service key, as --jwks of the services takes it");
  jwks.add_option("key", *file, "PEM file of a P-256 private key")->required()->check(CLI::ExistingFile);
  jwks.callback([&context, file] {
    context.command = [file]() -> absl::StatusOr<int> {
      EMBUDO_ASSIGN_OR_RETURN(const std::string document, rpc::PublicJwks(*file));
      std::cout << document << '\n';
      return 0;
    };
  });
}

}  // namespace embudo::cli
