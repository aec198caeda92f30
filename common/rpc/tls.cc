#include "common/rpc/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <fstream>
#include <mutex>

#include "common/base/error.h"

namespace embudo::rpc {
namespace {

using grpc::experimental::CertificateProviderInterface;
using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::TlsChannelCredentialsOptions;
using grpc::experimental::TlsServerCredentialsOptions;

constexpr unsigned kRefreshSeconds = 60;

struct Tls {
  std::mutex mutex;
  TlsFiles files;
  std::shared_ptr<CertificateProviderInterface> provider;
};

Tls& TheTls() {
  static Tls& tls = *new Tls;
  return tls;
}

absl::Status CheckFile(const std::string& flag, const std::string& path) {
  if (path.empty() || std::ifstream(path).good()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_TLS_FILE", flag + " " + path + " cannot be read");
}

}  // namespace

absl::Status UseTls(const TlsFiles& files) {
  if (files.ca.empty() || files.certificate.empty() != files.key.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_TLS_FILE",
                 "TLS takes --tls-ca, and --tls-certificate together with --tls-key");
  }
  EMBUDO_RETURN_IF_ERROR(CheckFile("--tls-ca", files.ca));
  EMBUDO_RETURN_IF_ERROR(CheckFile("--tls-certificate", files.certificate));
  EMBUDO_RETURN_IF_ERROR(CheckFile("--tls-key", files.key));
  Tls& tls = TheTls();
  const std::lock_guard lock(tls.mutex);
  tls.files = files;
  tls.provider = files.certificate.empty() ? std::make_shared<FileWatcherCertificateProvider>(files.ca, kRefreshSeconds)
                                           : std::make_shared<FileWatcherCertificateProvider>(
                                                 files.key, files.certificate, files.ca, kRefreshSeconds);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentials() {
  Tls& tls = TheTls();
  const std::lock_guard lock(tls.mutex);
  if (tls.provider == nullptr || tls.files.certificate.empty()) return grpc::InsecureServerCredentials();
  TlsServerCredentialsOptions options(tls.provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

bool ServesTls() {
  Tls& tls = TheTls();
  const std::lock_guard lock(tls.mutex);
  return tls.provider != nullptr && !tls.files.certificate.empty();
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const std::string& target) {
  Tls& tls = TheTls();
  const std::lock_guard lock(tls.mutex);
  if (tls.provider == nullptr || target.starts_with("unix")) return grpc::InsecureChannelCredentials();
  TlsChannelCredentialsOptions options;
  options.set_certificate_provider(tls.provider);
  options.watch_root_certs();
  if (!tls.files.certificate.empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace embudo::rpc
