#include <CLI/CLI.hpp>
#include <chrono>
#include <future>
#include <iostream>

#include "tools/cli/commands.h"
#include "tools/cli/event_output.h"
#include "tools/cli/event_stream.h"
#include "tools/cli/shell_command.h"

namespace embudo::cli {
namespace {

using pipeline::v1::ConsumeRequest;
using pipeline::v1::ConsumeResponse;
using pipeline::v1::Nack;

struct Flags {
  std::string subscription;
  int64_t limit = 0;
  bool follow = false;
  std::string exec;
};

/// What a command exits with that wants the event again (EX_TEMPFAIL of sysexits.h).
constexpr int kTryAgain = 75;
/// How often a command that runs for long has its event's deadline begin anew.
constexpr std::chrono::milliseconds kExtend{500};

/// Deals with the events of a subscription: prints each, or runs a command for it, then acknowledges it.
class Consume {
 public:
  Consume(Context& context, const Flags& flags) : context_(context), flags_(flags), lines_(context.output()) {}

  absl::StatusOr<int> Run() {
    const absl::Status status = ReadStream<ConsumeResponse>(
        context_, "embudo.pipeline.v1.EventService/Consume", [this] { return First(); },
        [this](const ConsumeResponse& response, rpc::ClientStream& stream) { return Take(response, stream); });
    EMBUDO_RETURN_IF_ERROR(failed_);
    EMBUDO_RETURN_IF_ERROR(status);
    return 0;
  }

 private:
  ConsumeRequest First() {
    ConsumeRequest first;
    first.mutable_start()->set_subscription(NameOf("subscriptions", flags_.subscription));
    first.mutable_start()->set_heartbeat_seconds(1);
    // What waits here is not another worker's: a command gets its events one by one.
    credit_ = 0;
    Grant(flags_.exec.empty() ? kCreditEvents : 1, kCreditBytes, first);
    return first;
  }

  /// Adds credit, but no more than the limit leaves.
  void Grant(int64_t events, int64_t bytes, ConsumeRequest& request) {
    if (ending_) return;
    if (flags_.limit > 0) events = std::min(events, flags_.limit - dealt_with_ - credit_);
    if (events <= 0) return;
    credit_ += events;
    request.mutable_credit()->set_events(events);
    request.mutable_credit()->set_bytes(bytes);
  }

  bool Take(const ConsumeResponse& response, rpc::ClientStream& stream) {
    ConsumeRequest answer;
    int64_t bytes = 0;
    for (const auto& delivery : response.deliveries()) {
      failed_ = DealWith(delivery, stream, answer);
      if (!failed_.ok()) return true;
      bytes += static_cast<int64_t>(delivery.event().ByteSizeLong());
    }
    failed_ = lines_.Flush();
    if (!failed_.ok()) return true;
    dealt_with_ += response.deliveries_size();
    credit_ -= response.deliveries_size();
    const bool at_limit = flags_.limit > 0 && dealt_with_ == flags_.limit;
    const bool paused = response.has_heartbeat() && response.heartbeat().paused();
    if (paused && !flags_.follow && !ending_) std::cerr << flags_.subscription << " is paused\n";
    ending_ = ending_ || at_limit || ((response.has_caught_up() || paused) && !flags_.follow);
    if (response.deliveries_size() > 0) {
      Grant(response.deliveries_size(), bytes, answer);
      stream.Write(answer);
    }
    // The server has the last acknowledgement when nothing is outstanding.
    const bool settled = response.has_heartbeat() && response.heartbeat().outstanding() == 0;
    return ending_ && (settled || response.has_draining());
  }

  absl::Status DealWith(const ConsumeResponse::Delivery& delivery, rpc::ClientStream& stream, ConsumeRequest& answer) {
    const std::string& id = delivery.event().id();
    if (flags_.exec.empty()) {
      EMBUDO_RETURN_IF_ERROR(lines_.Print(delivery.event()));
      answer.add_acks(id);
      return absl::OkStatus();
    }
    EMBUDO_ASSIGN_OR_RETURN(const int code, Execute(delivery.event(), stream));
    if (code == 0) {
      answer.add_acks(id);
      return absl::OkStatus();
    }
    Nack& nack = *answer.add_nacks();
    nack.set_event_id(id);
    nack.set_action(code == kTryAgain ? Nack::ACTION_RETRY : Nack::ACTION_PARK);
    nack.set_reason("exit code " + std::to_string(code));
    std::cerr << id << ": " << nack.reason() << ", " << (code == kTryAgain ? "to be tried again" : "parked") << '\n';
    return absl::OkStatus();
  }

  absl::StatusOr<int> Execute(const type::v1::Event& event, rpc::ClientStream& stream) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string json, EventJson(event, context_.format));
    auto running = std::async(std::launch::async, [&] { return RunShellCommand(flags_.exec, json + "\n"); });
    ConsumeRequest longer;
    longer.add_extensions(event.id());
    while (running.wait_for(kExtend) != std::future_status::ready) stream.Write(longer);
    return running.get();
  }

  Context& context_;
  const Flags& flags_;
  EventLines lines_;
  absl::Status failed_;
  int64_t dealt_with_ = 0;
  int64_t credit_ = 0;
  /// No more is asked for.
  bool ending_ = false;
};

}  // namespace

void AddEventsConsume(CLI::App& events, Context& context) {
  CLI::App& consume = *events.add_subcommand(
      "consume", "Shows the events of a subscription, JSON as one object a line, and acknowledges each");
  const auto flags = std::make_shared<Flags>();
  consume.add_option("subscription", flags->subscription, "Its name or id")->required();
  consume.add_option("--limit", flags->limit, "Stop after so many")->check(CLI::PositiveNumber);
  consume.add_flag("--follow", flags->follow, "Wait for more instead of stopping at the end");
  consume.add_option("--exec", flags->exec,
                     "Run this command of the shell for each event, its JSON on standard input, instead of showing it:"
                     " exit code 0 acknowledges, 75 has it come again, any other parks it");
  consume.callback([&context, flags] {
    context.prints_events = true;
    context.command = [&context, flags] { return Consume(context, *flags).Run(); };
  });
}

}  // namespace embudo::cli
