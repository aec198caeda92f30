#include "common/rpc/origin.h"

#include "common/rpc/base64url.h"

namespace embudo::rpc {
namespace {

constexpr char kOriginHeader[] = "x-embudo-origin";
constexpr char kCauseHeader[] = "x-embudo-cause";
constexpr size_t kMaxCause = 1024;

}  // namespace

std::vector<std::pair<std::string, std::string>> OriginMetadata(const Identity& identity) {
  std::vector<std::pair<std::string, std::string>> out;
  if (identity.origin != type::v1::ORIGIN_UNSPECIFIED) {
    out.emplace_back(kOriginHeader, type::v1::Origin_Name(identity.origin));
  }
  const std::string cause = identity.cause.SerializeAsString();
  if (!cause.empty()) out.emplace_back(kCauseHeader, ToBase64Url(cause));
  return out;
}

void ReadOrigin(const MetadataLookup& metadata, Identity* identity) {
  if (!identity->Has(type::v1::ROLE_SERVICE)) return;
  type::v1::Origin origin = type::v1::ORIGIN_UNSPECIFIED;
  if (type::v1::Origin_Parse(std::string(metadata(kOriginHeader)), &origin)) identity->origin = origin;
  const std::string_view text = metadata(kCauseHeader);
  if (text.empty() || text.size() > kMaxCause) return;
  const auto bytes = FromBase64Url(text);
  if (!bytes || !identity->cause.ParseFromString(*bytes)) identity->cause.Clear();
}

}  // namespace embudo::rpc
