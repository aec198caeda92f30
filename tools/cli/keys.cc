#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/error.h"
#include "common/rpc/client.h"
#include "tools/cli/commands.h"

namespace embudo::cli {

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
