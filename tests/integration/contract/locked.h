#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/rpc/authenticator.h"
#include "common/rpc/base64url.h"
#include "common/rpc/jose.h"
#include "common/rpc/server.h"
#include "common/testing/temp_dir.h"
#include "tests/integration/contract/fixture.h"

namespace embudo::testing {

/// A key of its own that signs tokens, and its key set in a file.
class SigningKey {
 public:
  SigningKey() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free) {
    const std::string pem = directory_.path().string() + "/key.pem";
    FILE* file = std::fopen(pem.c_str(), "we");
    PEM_write_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    set_ = *rpc::PublicJwks(pem);
    std::ofstream(jwks()) << set_;
  }

  std::string jwks() const { return directory_.path().string() + "/jwks.json"; }
  std::string kid() const { return nlohmann::json::parse(set_)["keys"][0]["kid"]; }

  /// A token in ES256: the signature as two numbers side by side (RFC 7518, 3.4).
  std::string Sign(const nlohmann::json& claims) const {
    const std::string text = Text({{"alg", "ES256"}, {"kid", kid()}}) + "." + Text(claims);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::string der(128, '\0');
    size_t size = der.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> pair(d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(size)),
                                                                ECDSA_SIG_free);
    std::string plain(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), reinterpret_cast<unsigned char*>(plain.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), reinterpret_cast<unsigned char*>(plain.data()) + 32, 32);
    return text + "." + rpc::ToBase64Url(plain);
  }
  static std::string Text(const nlohmann::json& json) { return rpc::ToBase64Url(json.dump()); }

 private:
  const TempDir directory_;
  const rpc::KeyHandle key_;
  std::string set_;
};

/// A service that believes tokens only.
class Locked {
 public:
  Locked(const std::string& name, const app::BindFunction& bind, Suite& suite, const std::string& jwks) {
    config_.service = name;
    config_.listen = "127.0.0.1:0";
    config_.postgres = suite.database().conninfo();
    config_.redis = suite.redis().address();
    config_.pipeline_target = suite.target("pipeline");
    EXPECT_TRUE(bind({config_, suite.clock(), metrics_, rpc::DevCredentials()}, bindings_).ok());
    rpc::JwtOptions options;
    options.jwks = jwks;
    options.issuer = "idp";
    options.audience = "embudo";
    auto authenticator = rpc::JwtAuthenticator(options, suite.clock());
    EXPECT_TRUE(authenticator.ok()) << authenticator.status();
    rpc::ServerOptions server_options;
    server_options.listen = config_.listen;
    server_ = std::make_unique<rpc::Server>(server_options, *std::move(authenticator), metrics_);
    for (const auto& service : bindings_.services) server_->Add(*service);
    EXPECT_TRUE(server_->Start().ok());
    server_->SetReady(true);
  }
  ~Locked() { server_->Shutdown(std::chrono::milliseconds(0), std::chrono::seconds(5)); }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  app::Config config_;
  metrics::Registry metrics_;
  app::Bindings bindings_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace embudo::testing
