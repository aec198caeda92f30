#include <utility>

#include "common/rpc/client.h"

namespace embudo::rpc {
namespace {

class Token final : public Credentials {
 public:
  explicit Token(std::string token) : header_("Bearer " + std::move(token)) {}

  std::vector<std::pair<std::string, std::string>> Metadata(const Identity&) override {
    return {{"authorization", header_}};
  }

 private:
  const std::string header_;
};

}  // namespace

std::shared_ptr<Credentials> TokenCredentials(std::string token) { return std::make_shared<Token>(std::move(token)); }

}  // namespace embudo::rpc
