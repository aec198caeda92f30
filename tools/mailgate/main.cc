// Hands a mail from standard input to the capture service, for a mail server's pipe. The exit code tells the mail
// server what to do (sysexits.h): 0 taken; 75 (EX_TEMPFAIL) try again later, which is harmless; 64 (EX_USAGE) and
// 65 (EX_DATAERR) give it back to its sender.
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common/base/error.h"
#include "common/rpc/client.h"
#include "embudo/capture/v1/mail_service.pb.h"

namespace embudo {
namespace {

constexpr size_t kChunkBytes = 512 << 10;
/// The service refuses what is larger; there is no need to send it.
constexpr size_t kMaxMailBytes = size_t{25} << 20;

struct Flags {
  std::string target = "127.0.0.1:7002";
  std::string tenant = "demo";
  std::string token_file;
  std::vector<std::string> recipients;
  int timeout_seconds = 60;
  bool reject = false;
};

/// At most one byte more than the service takes.
std::string ReadMail(std::istream& in) {
  std::string mail;
  std::string piece(65536, '\0');
  while (mail.size() <= kMaxMailBytes && in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    mail.append(piece, 0, static_cast<size_t>(in.gcount()));
  }
  return mail;
}

absl::StatusOr<capture::v1::ReceiveMailResponse> Send(const Flags& flags, const std::string& mail) {
  rpc::ClientOptions options;
  options.target = flags.target;
  options.credentials = rpc::DevCredentials();
  if (!flags.token_file.empty()) {
    std::ifstream file(flags.token_file);
    std::string token((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    token.erase(token.find_last_not_of("\r\n ") + 1);
    options.credentials = rpc::TokenCredentials(token);
  }
  rpc::Client client(options);
  rpc::Identity identity;
  identity.tenant = flags.tenant;
  identity.actor = "services/mailgate";
  identity.roles = {type::v1::ROLE_SERVICE};
  const auto stream =
      client.Stream("embudo.capture.v1.MailService/ReceiveMail", identity, std::chrono::seconds(flags.timeout_seconds));
  capture::v1::ReceiveMailRequest request;
  request.mutable_recipients()->Assign(flags.recipients.begin(), flags.recipients.end());
  for (size_t at = 0; at == 0 || at < mail.size(); at += kChunkBytes) {
    request.set_content(mail.substr(at, kChunkBytes));
    if (!stream->Write(request)) break;
    request.Clear();
  }
  stream->WritesDone();
  capture::v1::ReceiveMailResponse response;
  const bool answered = stream->Read(&response);
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  if (!answered) return absl::UnavailableError("the service did not answer");
  return response;
}

int ExitCode(const absl::Status& status) {
  // What is wrong with the mail stays wrong; everything else, a wrong token or role included, may be mended while the
  // mail server keeps the mail.
  return status.code() == absl::StatusCode::kInvalidArgument ? EX_DATAERR : EX_TEMPFAIL;
}

int Run(const Flags& flags) {
  const std::string mail = ReadMail(std::cin);
  if (mail.size() > kMaxMailBytes) {
    std::cerr << "embudo-mailgate: the mail is larger than 25 MiB\n";
    return EX_DATAERR;
  }
  const auto response = Send(flags, mail);
  if (!response.ok()) {
    std::cerr << "embudo-mailgate: " << MessageOf(response.status()) << '\n';
    return ExitCode(response.status());
  }
  if (flags.reject && response->outcome() == capture::v1::Submission::OUTCOME_REJECTED) {
    std::cerr << "embudo-mailgate: " << response->reason() << '\n';
    return EX_NOUSER;
  }
  return EX_OK;
}

}  // namespace
}  // namespace embudo

int main(int argc, char** argv) {
  CLI::App parser("Hands a mail from standard input to Embudo", "embudo-mailgate");
  embudo::Flags flags;
  parser.add_option("--capture", flags.target, "gRPC target of the capture service")
      ->envname("EMBUDO_CAPTURE")
      ->capture_default_str();
  parser.add_option("--tenant", flags.tenant, "Whose mail it is, where no token says so")
      ->envname("EMBUDO_TENANT")
      ->capture_default_str();
  parser.add_option("--token-file", flags.token_file, "File with a bearer token of the role service")
      ->envname("EMBUDO_TOKEN_FILE");
  parser.add_option("--recipient,-r", flags.recipients, "An address of the envelope; may be repeated");
  parser.add_option("--timeout", flags.timeout_seconds, "Seconds until it is given up for now")->capture_default_str();
  parser.add_flag("--reject", flags.reject, "Exit with 67 where nobody gets mail under the address: it bounces");
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return embudo::Run(flags);
}
