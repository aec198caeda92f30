#include <CLI/CLI.hpp>
#include <iostream>

#include "tools/cli/commands.h"
#include "tools/cli/event_output.h"
#include "tools/cli/event_stream.h"

namespace embudo::cli {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;

struct Flags {
  std::string from;
  std::string filter;
  int64_t limit = 0;
  bool follow = false;
};

/// Reads the stream and prints what comes, until there is no more to read, or for ever.
class Tail {
 public:
  Tail(Context& context, const Flags& flags) : context_(context), flags_(flags), lines_(context.output()) {}

  absl::StatusOr<int> Run() {
    const absl::Status status = ReadStream<TailResponse>(
        context_, "embudo.pipeline.v1.EventService/Tail", [this] { return First(); },
        [this](const TailResponse& response, rpc::ClientStream& stream) { return Take(response, stream); });
    EMBUDO_RETURN_IF_ERROR(written_);
    if (!status.ok() && !cursor_.empty()) std::cerr << "resume with --from " << cursor_ << '\n';
    EMBUDO_RETURN_IF_ERROR(status);
    return 0;
  }

 private:
  TailRequest First() const {
    TailRequest first;
    *first.mutable_start() = ParsePlace(cursor_.empty() ? flags_.from : cursor_);
    first.mutable_start()->set_filter(flags_.filter);
    first.mutable_credit()->set_events(kCreditEvents);
    first.mutable_credit()->set_bytes(kCreditBytes);
    return first;
  }

  bool Take(const TailResponse& response, rpc::ClientStream& stream) {
    TailRequest more;
    if (PrintAll(response.snapshot(), *more.mutable_credit())) return true;
    if (PrintAll(response.events(), *more.mutable_credit())) return true;
    written_ = lines_.Flush();
    if (!written_.ok()) return true;
    if (!response.cursor().empty()) cursor_ = response.cursor();
    if (response.has_caught_up() && !flags_.follow) return true;
    if (response.has_fell_behind()) {
      std::cerr << "fell behind: " << response.fell_behind().backlog() << " places of the log to read\n";
    }
    if (more.credit().events() > 0) stream.Write(more);
    return false;
  }

  /// Adds what was printed to the credit. Whether that is enough.
  template <class Records>
  bool PrintAll(const Records& records, pipeline::v1::Credit& credit) {
    for (const auto& record : records) {
      written_ = lines_.Print(record);
      if (!written_.ok() || ++printed_ == flags_.limit) return true;
      credit.set_events(credit.events() + 1);
      credit.set_bytes(credit.bytes() + static_cast<int64_t>(record.ByteSizeLong()));
    }
    return false;
  }

  Context& context_;
  const Flags& flags_;
  EventLines lines_;
  absl::Status written_;
  /// Where to go on after a break; empty before the first answer.
  std::string cursor_;
  int64_t printed_ = 0;
};

}  // namespace

void AddEventsTail(CLI::App& events, Context& context) {
  CLI::App& tail = *events.add_subcommand("tail", "Shows events as they come, JSON as one object a line");
  const auto flags = std::make_shared<Flags>();
  tail.add_option("--from", flags->from,
                  "earliest, latest, snapshot (first the leads as they are), a time (RFC 3339), or a cursor")
      ->required();
  tail.add_option("--filter", flags->filter, "Which, in the filter language: type = \"lead.won\"");
  tail.add_option("--limit", flags->limit, "Stop after so many")->check(CLI::PositiveNumber);
  tail.add_flag("--follow", flags->follow, "Wait for more instead of stopping at the end");
  tail.callback([&context, flags] {
    context.prints_events = true;
    context.command = [&context, flags] { return Tail(context, *flags).Run(); };
  });
}

}  // namespace embudo::cli
