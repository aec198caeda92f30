#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

using EVP_PKEY = struct evp_pkey_st;

namespace embudo::rpc {

using KeyHandle = std::shared_ptr<EVP_PKEY>;

/// The signature algorithms that are taken: two of RFC 7518, and Ed25519 of RFC 8037.
enum class Algorithm { kRs256, kEs256, kEdDsa };

/// As a token's header and a JWK name it; nullopt for any other.
std::optional<Algorithm> AlgorithmOf(std::string_view name);

/// A public key of a JWKS.
struct PublicKey {
  std::string id;
  Algorithm algorithm;
  KeyHandle key;
};

/// The keys of a JWKS document (RFC 7517) that can verify signatures: RSA of at least 2048 bits, P-256, and
/// Ed25519. Others are passed over. INVALID_ARGUMENT if the document is not a JWKS.
absl::StatusOr<std::vector<PublicKey>> ParseJwks(const std::string& text);

/// `signature` as JWS has it: for ES256 the two numbers side by side (RFC 7518, 3.4).
bool VerifySignature(const PublicKey& key, std::string_view signed_text, std::string_view signature);

/// A P-256 private key for ES256.
class SigningKey {
 public:
  /// INVALID_ARGUMENT if the file holds no P-256 private key in PEM.
  static absl::StatusOr<SigningKey> Read(const std::string& pem_file);

  /// A JWT in compact form (RFC 7519).
  std::string Sign(const nlohmann::json& claims) const;
  /// The public half as a JWK, with its thumbprint (RFC 7638) as `kid`.
  const nlohmann::json& public_jwk() const { return public_jwk_; }

 private:
  SigningKey(KeyHandle key, nlohmann::json public_jwk);

  KeyHandle key_;
  nlohmann::json public_jwk_;
  std::string header_;
};

}  // namespace embudo::rpc
