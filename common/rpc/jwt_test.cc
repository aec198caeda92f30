#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/rpc/authenticator.h"
#include "common/rpc/base64url.h"
#include "common/rpc/client.h"
#include "common/rpc/jose.h"

namespace embudo::rpc {
namespace {

using Json = nlohmann::json;

class SetClock final : public Clock {
 public:
  Time Now() const override { return Time(std::chrono::seconds(seconds)); }
  int64_t seconds = 1800000000;
};

std::string NumberOf(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return ToBase64Url(bytes);
}

/// An identity provider that signs by RS256.
struct RsaProvider {
  explicit RsaProvider(std::string id, unsigned bits = 2048)
      : kid(std::move(id)), key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(bits)), EVP_PKEY_free) {}

  Json Jwk() const {
    return {
        {"kty", "RSA"}, {"kid", kid}, {"use", "sig"}, {"n", NumberOf(key.get(), "n")}, {"e", NumberOf(key.get(), "e")}};
  }

  std::string Sign(const Json& claims, const Json& header = Json::object()) const {
    Json full = {{"alg", "RS256"}, {"kid", kid}};
    full.update(header);
    const std::string text = ToBase64Url(full.dump()) + "." + ToBase64Url(claims.dump());
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key.get()), 1);
    std::string signature(512, '\0');
    size_t size = signature.size();
    EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    EVP_MD_CTX_free(context);
    signature.resize(size);
    return text + "." + ToBase64Url(signature);
  }

  std::string kid;
  KeyHandle key;
};

class JwtTest : public testing::Test {
 protected:
  JwtTest() { std::filesystem::create_directories(directory_); }
  ~JwtTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ / name; }

  void WriteJwks(const std::string& name, const std::vector<Json>& keys) const {
    // As a whole, since the ring may read it at any moment.
    std::ofstream(Path("new")) << Json{{"keys", keys}}.dump();
    std::filesystem::rename(Path("new"), Path(name));
  }

  std::string WriteSigningKey(const std::string& name) const {
    const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
    FILE* file = std::fopen(Path(name).c_str(), "we");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return Path(name);
  }

  std::shared_ptr<Authenticator> Make(const std::string& jwks, const std::string& issuer = "") {
    JwtOptions options;
    options.jwks = jwks;
    options.issuer = issuer;
    options.audience = "embudo,crm";
    options.soonest_refresh = std::chrono::milliseconds(1);
    auto made = JwtAuthenticator(options, clock_);
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }

  static absl::StatusOr<Identity> Authenticate(Authenticator& authenticator, const std::string& token) {
    const std::string header = "Bearer " + token;
    return authenticator.Authenticate(
        [&header](std::string_view name) { return name == "authorization" ? std::string_view(header) : ""; });
  }

  Json Claims() const {
    return {{"sub", "jane"}, {"aud", {"other", "crm"}},          {"exp", clock_.seconds + 300},
            {"iss", "idp"},  {"roles", {"rep", "chess player"}}, {"tenant", "acme"}};
  }
  Json With(const char* name, const Json& value) const {
    Json claims = Claims();
    claims[name] = value;
    return claims;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("embudo_jwt_test_" + std::to_string(getpid()));
  SetClock clock_;
  // One for all tests: RSA keys take long to make.
  static const RsaProvider& Provider() {
    static const RsaProvider provider("key-1");
    return provider;
  }
  const RsaProvider& provider_ = Provider();
};

TEST_F(JwtTest, AGoodTokenTellsWhoCalls) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"), "idp");
  for (int i = 0; i < 2; ++i) {  // verified, then from the cache
    const auto identity = Authenticate(*authenticator, provider_.Sign(Claims()));
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(identity->tenant, "acme");
    EXPECT_EQ(identity->actor, "users/jane");
    EXPECT_EQ(identity->roles, std::vector{type::v1::ROLE_REP});
  }
}

TEST_F(JwtTest, AnotherKeyOfTheSameNameDoesNotPass) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto identity = Authenticate(*Make(Path("idp")), RsaProvider("key-1").Sign(Claims()));
  EXPECT_EQ(ReasonOf(identity.status()), "TOKEN_INVALID");
  EXPECT_EQ(identity.status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(JwtTest, ClaimsOfAnotherTokenDoNotPass) {
  WriteJwks("idp", {provider_.Jwk()});
  const std::string good = provider_.Sign(Claims());
  const std::string other = provider_.Sign(With("tenant", "globex"));
  const std::string mixed = other.substr(0, other.rfind('.')) + good.substr(good.rfind('.'));
  const auto authenticator = Make(Path("idp"));
  ASSERT_TRUE(Authenticate(*authenticator, good).ok());
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, mixed).status()), "TOKEN_INVALID");
}

TEST_F(JwtTest, UnsignedTokensDoNotPass) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"));
  for (const char* algorithm : {"none", "HS256", "RS512"}) {
    EXPECT_EQ(ReasonOf(Authenticate(*authenticator, provider_.Sign(Claims(), {{"alg", algorithm}})).status()),
              "TOKEN_INVALID");
  }
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, provider_.Sign(Claims(), {{"crit", {"b64"}}})).status()),
            "TOKEN_INVALID");
  for (const char* text : {"", ".", "..", "a.b", "a.b.c", "e30.e30.", "W10.W10.AA"}) {
    EXPECT_FALSE(Authenticate(*authenticator, text).ok()) << text;
  }
}

TEST_F(JwtTest, ATokenExpiresAlsoInTheCache) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"));
  const std::string token = provider_.Sign(Claims());
  ASSERT_TRUE(Authenticate(*authenticator, token).ok());
  clock_.seconds += 300 + 59;
  EXPECT_TRUE(Authenticate(*authenticator, token).ok());
  clock_.seconds += 1;
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, token).status()), "TOKEN_EXPIRED");
}

TEST_F(JwtTest, ClaimsAreChecked) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"), "idp");
  const Json wrong[] = {With("aud", "shop"),        With("iss", "other"),     With("nbf", clock_.seconds + 61),
                        With("exp", nullptr),       With("sub", ""),          With("sub", "a b"),
                        With("tenant", {"a", "b"}), With("sub", "users/a/b"), With("exp", "soon")};
  for (const Json& claims : wrong) {
    EXPECT_EQ(ReasonOf(Authenticate(*authenticator, provider_.Sign(claims)).status()), "TOKEN_INVALID") << claims;
  }
  EXPECT_TRUE(Authenticate(*authenticator, provider_.Sign(With("nbf", clock_.seconds + 60))).ok());
}

TEST_F(JwtTest, RolesAndTenantMayLieDeeper) {
  WriteJwks("idp", {provider_.Jwk()});
  JwtOptions options;
  options.jwks = Path("idp");
  options.roles_claim = "realm_access.roles";
  options.tenant_claim = "https://acme.example/tenant";
  const auto authenticator = *JwtAuthenticator(options, clock_);
  Json claims = Claims();
  claims["realm_access"]["roles"] = "admin manager";
  claims["https://acme.example/tenant"] = "globex";
  const auto identity = Authenticate(*authenticator, provider_.Sign(claims));
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->roles, (std::vector{type::v1::ROLE_ADMIN, type::v1::ROLE_MANAGER}));
  EXPECT_EQ(identity->tenant, "globex");
}

TEST_F(JwtTest, ASubjectWithTheServiceRoleAloneIsAService) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"));
  EXPECT_EQ(Authenticate(*authenticator, provider_.Sign(With("roles", "service")))->actor, "services/jane");
  EXPECT_EQ(Authenticate(*authenticator, provider_.Sign(With("roles", "service admin")))->actor, "users/jane");
}

TEST_F(JwtTest, WeakKeysAreNotTaken) {
  WriteJwks("idp", {RsaProvider("key-1", 1024).Jwk()});
  std::ifstream file(Path("idp"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto keys = ParseJwks(text);
  ASSERT_TRUE(keys.ok());
  EXPECT_TRUE(keys->empty());
}

TEST_F(JwtTest, ANewKeyIsFetchedWhenItsFirstTokenComes) {
  WriteJwks("idp", {provider_.Jwk()});
  const auto authenticator = Make(Path("idp"));
  const RsaProvider next("key-2");
  const std::string token = next.Sign(Claims());
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, token).status()), "TOKEN_INVALID");
  WriteJwks("idp", {next.Jwk()});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!Authenticate(*authenticator, token).ok() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(Authenticate(*authenticator, token).ok());
  // The key that is gone takes its tokens along.
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, provider_.Sign(Claims())).status()), "TOKEN_INVALID");
}

TEST_F(JwtTest, WithoutItsKeySetAServerIsNotAvailable) {
  const auto authenticator = Make(Path("not-there-yet"));
  const auto identity = Authenticate(*authenticator, provider_.Sign(Claims()));
  EXPECT_EQ(identity.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(identity.status()), "KEYS_UNAVAILABLE");
}

TEST_F(JwtTest, AServiceSignsItsOwnTokens) {
  clock_.seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::System().Now().time_since_epoch()).count();
  const std::string pem = WriteSigningKey("automation.pem");
  WriteJwks("idp", {provider_.Jwk()});
  std::ofstream(Path("own")) << *PublicJwks(pem);
  const auto authenticator = Make(Path("idp") + "," + Path("own"), "idp,embudo");
  SigningOptions options;
  options.private_key_pem_file = pem;
  const auto credentials = SigningCredentials(options);
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  Identity caller;
  caller.tenant = "acme";
  caller.actor = "services/automation";
  caller.roles = {type::v1::ROLE_SERVICE, type::v1::ROLE_ADMIN};
  const auto metadata = (*credentials)->Metadata(caller);
  ASSERT_EQ(metadata.size(), 1U);
  EXPECT_EQ(metadata[0].first, "authorization");
  EXPECT_EQ((*credentials)->Metadata(caller), metadata) << "not cached";
  const auto identity = Authenticate(*authenticator, metadata[0].second.substr(7));
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->tenant, caller.tenant);
  EXPECT_EQ(identity->actor, caller.actor);
  EXPECT_EQ(identity->roles, caller.roles);
}

TEST_F(JwtTest, TheEd25519ExampleOfRfc8037Passes) {
  const auto keys =
      ParseJwks(R"({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
                R"( {"kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
                R"( {"kty": "OKP", "crv": "Ed25519", "x": "11qY"}]})");
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 1u);
  const std::string text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const auto signature =
      FromBase64Url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(VerifySignature((*keys)[0], text, *signature));
  EXPECT_FALSE(VerifySignature((*keys)[0], text + "x", *signature));
  EXPECT_FALSE(VerifySignature((*keys)[0], text, signature->substr(1)));
}

TEST_F(JwtTest, AnEdDsaTokenTellsWhoCalls) {
  const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  std::string raw(32, '\0');
  size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
  WriteJwks("idp", {{{"kty", "OKP"}, {"crv", "Ed25519"}, {"kid", "ed"}, {"alg", "EdDSA"}, {"x", ToBase64Url(raw)}}});
  const std::string text =
      ToBase64Url(Json{{"alg", "EdDSA"}, {"kid", "ed"}}.dump()) + "." + ToBase64Url(Claims().dump());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key.get());
  std::string signature(64, '\0');
  size = signature.size();
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MD_CTX_free(context);
  const auto authenticator = Make(Path("idp"), "");
  const auto identity = Authenticate(*authenticator, text + "." + ToBase64Url(signature));
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->actor, "users/jane");
  signature[0] = static_cast<char>(signature[0] ^ 1);
  EXPECT_FALSE(Authenticate(*authenticator, text + "." + ToBase64Url(signature)).ok());
}

TEST_F(JwtTest, AKeySetSpeaksForItsOwnIssuerOnly) {
  WriteJwks("idp", {provider_.Jwk()});
  const std::string pem = WriteSigningKey("automation.pem");
  std::ofstream(Path("own")) << *PublicJwks(pem);
  const auto authenticator = Make(Path("idp") + "," + Path("own"), "idp,embudo");
  EXPECT_TRUE(Authenticate(*authenticator, provider_.Sign(Claims())).ok());
  EXPECT_EQ(ReasonOf(Authenticate(*authenticator, provider_.Sign(With("iss", "embudo"))).status()), "TOKEN_INVALID");
}

TEST_F(JwtTest, TheKeyIdIsTheThumbprintOfRfc7638) {
  const Json key = Json::parse(*PublicJwks(WriteSigningKey("key.pem")))["keys"][0];
  const std::string hashed = R"({"crv":"P-256","kty":"EC","x":")" + key["x"].get<std::string>() + R"(","y":")" +
                             key["y"].get<std::string>() + R"("})";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ASSERT_EQ(EVP_Digest(hashed.data(), hashed.size(), digest, &size, EVP_sha256(), nullptr), 1);
  EXPECT_EQ(key["kid"], ToBase64Url({reinterpret_cast<char*>(digest), size}));
}

TEST_F(JwtTest, OptionsMustFitTogether) {
  JwtOptions options;
  EXPECT_FALSE(JwtAuthenticator(options, clock_).ok());
  options.jwks = "a,b";
  options.issuer = "only-one";
  EXPECT_FALSE(JwtAuthenticator(options, clock_).ok());
  SigningOptions signing;
  signing.private_key_pem_file = Path("nothing");
  EXPECT_FALSE(SigningCredentials(signing).ok());
}

}  // namespace
}  // namespace embudo::rpc
