// Mails handed to the capture service by several at once: new leads, and replies to them.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "embudo/capture/v1/mail_service.pb.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using std::chrono::steady_clock;

constexpr char kReceiveMail[] = "embudo.capture.v1.MailService/ReceiveMail";
constexpr int kSenders = 8;

std::string MailOf(const std::string& run, int64_t n, bool reply) {
  const std::string number = std::to_string(n);
  const std::string own = (reply ? "r" : "m") + number + "." + run + "@bench.example";
  return "From: Person " + number + " <person" + number + "." + run +
         "@bench.example>\r\nTo: hello@acme.example\r\nSubject: Question " + number + "\r\nMessage-ID: <" + own +
         ">\r\n" + (reply ? "In-Reply-To: <m" + number + "." + run + "@bench.example>\r\n" : "") +
         "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; "
         "charset=utf-8\r\n\r\nWhat does it cost?\r\n\r\nOn Thu, 26 Nov 2026 at 10:00, Us <us@acme.example> "
         "wrote:\r\n> "
         "Ask away.\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>What does it <b>cost</b>?</p>\r\n"
         "--b--\r\n";
}

absl::Status Send(rpc::Client& client, const rpc::Identity& identity, const std::string& mail) {
  const auto stream = client.Stream(kReceiveMail, identity, std::chrono::seconds(30));
  capture::v1::ReceiveMailRequest request;
  request.set_content(mail);
  if (stream->Write(request)) stream->WritesDone();
  capture::v1::ReceiveMailResponse response;
  const bool answered = stream->Read(&response);
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  if (!answered || response.message().empty()) return absl::InternalError("the mail went astray: " + response.reason());
  return absl::OkStatus();
}

/// Sends the mails from `first` on, until the time is over or `count` are sent. Returns how many.
absl::StatusOr<int64_t> SendMany(cli::Context& context, const std::string& run, bool reply, int64_t count,
                                 std::chrono::seconds duration) {
  rpc::Client& client = context.ClientOf(kReceiveMail);
  const auto end = steady_clock::now() + duration;
  std::atomic<int64_t> next{0};
  std::vector<absl::Status> failures(kSenders);
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i) {
    senders.emplace_back([&, i] {
      while (failures[i].ok() && steady_clock::now() < end) {
        const int64_t n = next++;
        if (n >= count) break;
        failures[i] = Send(client, context.identity(), MailOf(run, n, reply));
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  for (const absl::Status& failure : failures) EMBUDO_RETURN_IF_ERROR(failure);
  return std::min(next.load(), count);
}

}  // namespace

absl::Status MeasureMail(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  const std::string run = cli::NewRequestId();
  Options capture = options;
  capture.metrics = options.capture_metrics;
  int64_t count = INT64_MAX;
  for (const bool reply : {false, true}) {
    const std::string what = reply ? "mail: a reply" : "mail: a new lead";
    const CpuSeconds before = ReadCpu(capture);
    const auto start = steady_clock::now();
    EMBUDO_ASSIGN_OR_RETURN(const int64_t sent,
                            SendMany(context, run, reply, count, std::chrono::seconds(options.seconds)));
    const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
    const CpuSeconds after = ReadCpu(capture);
    figures->push_back({what, "mails/s", static_cast<double>(sent) / seconds, 0, ""});
    if (after.service > 0 && sent > 0) {
      const double each = (after.service - before.service) * 1e3 / static_cast<double>(sent);
      figures->push_back({what + ": CPU of the capture service", "ms", each, 0.5, "the goal"});
    }
    count = sent;
  }
  return absl::OkStatus();
}

}  // namespace embudo::bench
