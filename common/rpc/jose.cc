#include "common/rpc/jose.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "common/base/sha256.h"
#include "common/rpc/base64url.h"

namespace embudo::rpc {
namespace {

using Json = nlohmann::json;

constexpr int kMinRsaBits = 2048;
constexpr int kP256Bytes = 32;

/// A unique_ptr that frees with an OpenSSL function.
template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Free<kFree>>;
using Number = Owned<BIGNUM, BN_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using EcdsaSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Number ToNumber(std::string_view bytes) {
  return Number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// Fills a builder and makes the public key of a type.
template <class Fill>
KeyHandle MakeKey(const char* type, const Fill& fill) {
  const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  if (!fill(builder.get())) return nullptr;
  const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

KeyHandle RsaKey(const Json& jwk) {
  const auto modulus = FromBase64Url(Text(jwk, "n"));
  const auto exponent = FromBase64Url(Text(jwk, "e"));
  if (!modulus || !exponent || modulus->empty() || exponent->empty()) return nullptr;
  const Number n = ToNumber(*modulus);
  const Number e = ToNumber(*exponent);
  KeyHandle key = MakeKey("RSA", [&](OSSL_PARAM_BLD* builder) {
    return OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
           OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  });
  return key != nullptr && EVP_PKEY_get_bits(key.get()) >= kMinRsaBits ? key : nullptr;
}

KeyHandle P256Key(const Json& jwk) {
  const auto x = FromBase64Url(Text(jwk, "x"));
  const auto y = FromBase64Url(Text(jwk, "y"));
  if (Text(jwk, "crv") != "P-256" || !x || !y || x->size() != kP256Bytes || y->size() != kP256Bytes) return nullptr;
  const std::string point = "\x04" + *x + *y;
  return MakeKey("EC", [&point](OSSL_PARAM_BLD* builder) {
    return OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1;
  });
}

KeyHandle Ed25519Key(const Json& jwk) {
  const auto x = FromBase64Url(Text(jwk, "x"));
  if (Text(jwk, "crv") != "Ed25519" || !x) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*x), x->size()), EVP_PKEY_free};
}

std::optional<PublicKey> ParseJwk(const Json& jwk) {
  const std::string type = Text(jwk, "kty");
  const std::string use = Text(jwk, "use");
  const std::string algorithm = Text(jwk, "alg");
  if (!use.empty() && use != "sig") return std::nullopt;
  PublicKey out{.id = Text(jwk, "kid"), .algorithm = Algorithm::kRs256, .key = nullptr};
  if (type == "RSA" && (algorithm.empty() || algorithm == "RS256")) {
    out.key = RsaKey(jwk);
  } else if (type == "EC" && (algorithm.empty() || algorithm == "ES256")) {
    out.algorithm = Algorithm::kEs256;
    out.key = P256Key(jwk);
  } else if (type == "OKP" && (algorithm.empty() || algorithm == "EdDSA")) {
    out.algorithm = Algorithm::kEdDsa;
    out.key = Ed25519Key(jwk);
  }
  if (out.key == nullptr) return std::nullopt;
  return out;
}

/// The two numbers of an ES256 signature as the DER that OpenSSL takes; empty if it is none.
std::string ToDer(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return "";
  const EcdsaSignature ecdsa(ECDSA_SIG_new());
  Number r = ToNumber(signature.substr(0, kP256Bytes));
  Number s = ToNumber(signature.substr(kP256Bytes));
  if (ECDSA_SIG_set0(ecdsa.get(), r.release(), s.release()) != 1) return "";
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(ecdsa.get(), &der);
  if (size <= 0) return "";
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string FromDer(const std::string& der) {
  const unsigned char* at = Bytes(der);
  const EcdsaSignature ecdsa(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string out(2 * kP256Bytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(ecdsa.get()), bytes, kP256Bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(ecdsa.get()), bytes + kP256Bytes, kP256Bytes);
  return out;
}

/// One coordinate of a P-256 key's public point, in base64url.
std::string Coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return "";
  const Number owner(number);
  std::string bytes(kP256Bytes, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), kP256Bytes);
  return ToBase64Url(bytes);
}

}  // namespace

std::optional<Algorithm> AlgorithmOf(std::string_view name) {
  if (name == "RS256") return Algorithm::kRs256;
  if (name == "ES256") return Algorithm::kEs256;
  if (name == "EdDSA") return Algorithm::kEdDsa;
  return std::nullopt;
}

absl::StatusOr<std::vector<PublicKey>> ParseJwks(const std::string& text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("keys") || !document["keys"].is_array()) {
    return absl::InvalidArgumentError("not a JWKS");
  }
  std::vector<PublicKey> out;
  for (const Json& jwk : document["keys"]) {
    if (auto key = ParseJwk(jwk)) out.push_back(*std::move(key));
  }
  return out;
}

bool VerifySignature(const PublicKey& key, std::string_view signed_text, std::string_view signature) {
  const std::string bytes = key.algorithm == Algorithm::kEs256 ? ToDer(signature) : std::string(signature);
  if (bytes.empty()) return false;
  const DigestContext context(EVP_MD_CTX_new());
  // Ed25519 hashes by itself.
  const EVP_MD* digest = key.algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
  return EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(bytes), bytes.size(), Bytes(signed_text), signed_text.size()) == 1;
}

absl::StatusOr<SigningKey> SigningKey::Read(const std::string& pem_file) {
  const Owned<FILE, std::fclose> file(std::fopen(pem_file.c_str(), "re"));
  if (file == nullptr) return absl::InvalidArgumentError("cannot read the key file " + pem_file);
  const KeyHandle key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC || EVP_PKEY_get_bits(key.get()) != 256) {
    return absl::InvalidArgumentError("no P-256 private key in " + pem_file);
  }
  // The members that RFC 7638 hashes, in its order, which is also that of nlohmann's objects.
  Json jwk = {{"crv", "P-256"},
              {"kty", "EC"},
              {"x", Coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_X)},
              {"y", Coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y)}};
  jwk["kid"] = ToBase64Url(Sha256(jwk.dump()));
  jwk["alg"] = "ES256";
  jwk["use"] = "sig";
  return SigningKey(key, std::move(jwk));
}

SigningKey::SigningKey(KeyHandle key, Json public_jwk)
    : key_(std::move(key)),
      public_jwk_(std::move(public_jwk)),
      header_(ToBase64Url(Json{{"alg", "ES256"}, {"kid", public_jwk_["kid"]}, {"typ", "JWT"}}.dump())) {}

std::string SigningKey::Sign(const Json& claims) const {
  const std::string text = header_ + "." + ToBase64Url(claims.dump(-1, ' ', false, Json::error_handler_t::replace));
  const DigestContext context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
  size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size());
  std::string der(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, Bytes(text), text.size());
  der.resize(size);
  return text + "." + ToBase64Url(FromDer(der));
}

}  // namespace embudo::rpc
