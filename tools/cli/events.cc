#include <google/protobuf/util/time_util.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/error.h"
#include "common/text/csv.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using pipeline::v1::TailStart;

struct Flags {
  std::string from;
  std::string filter;
  int64_t limit = 0;
  bool follow = false;
};

constexpr int64_t kCreditEvents = 1000;
constexpr int64_t kCreditBytes = 8 << 20;

void SetFrom(const std::string& from, TailStart* start) {
  google::protobuf::Timestamp time;
  if (from == "earliest") {
    start->set_position(TailStart::POSITION_EARLIEST);
  } else if (from == "latest") {
    start->set_position(TailStart::POSITION_LATEST);
  } else if (google::protobuf::util::TimeUtil::FromString(from, &time)) {
    *start->mutable_time() = time;
  } else {
    start->set_cursor(from);
  }
}

/// Reads the stream and prints what comes, until there is no more to read, or for ever.
class Tail {
 public:
  Tail(Context& context, const Flags& flags) : context_(context), flags_(flags), cursor_(flags.from) {}

  absl::StatusOr<int> Run() {
    if (context_.format == Format::kCsv)
      context_.output().stream() << text::CsvLine({"time", "type", "subject", "actor"});
    while (!done_) {
      const absl::Status status = ReadOneStream();
      if (done_) break;
      if (!drained_) {
        EMBUDO_RETURN_IF_ERROR(status);
        return absl::UnavailableError("the server ended the stream");
      }
    }
    return 0;
  }

 private:
  absl::Status ReadOneStream() {
    drained_ = false;
    const std::string method = "embudo.pipeline.v1.EventService/Tail";
    const auto stream = context_.ClientOf(method).Stream(method, context_.identity());
    TailRequest first;
    SetFrom(cursor_, first.mutable_start());
    first.mutable_start()->set_filter(flags_.filter);
    first.mutable_credit()->set_events(kCreditEvents);
    first.mutable_credit()->set_bytes(kCreditBytes);
    stream->Write(first);
    for (TailResponse response; !done_ && stream->Read(&response);) {
      Take(response);
      if (!done_ && response.events_size() > 0) Grant(response, *stream);
    }
    if (done_) stream->Cancel();
    const absl::Status status = stream->Finish();
    if (!status.ok() && !done_ && !drained_ && cursor_ != flags_.from) {
      std::cerr << "resume with --from " << cursor_ << '\n';
    }
    return status;
  }

  void Take(const TailResponse& response) {
    for (const auto& event : response.events()) {
      Print(event);
      if (++printed_ == flags_.limit) {
        done_ = true;
        return;
      }
    }
    context_.output().stream().flush();
    if (!response.cursor().empty()) cursor_ = response.cursor();
    drained_ = drained_ || response.has_draining();
    if (response.has_caught_up() && !flags_.follow) done_ = true;
  }

  static void Grant(const TailResponse& response, rpc::ClientStream& stream) {
    TailRequest more;
    more.mutable_credit()->set_events(response.events_size());
    int64_t bytes = 0;
    for (const auto& event : response.events()) bytes += static_cast<int64_t>(event.ByteSizeLong());
    more.mutable_credit()->set_bytes(bytes);
    stream.Write(more);
  }

  void Print(const type::v1::Event& event) {
    std::ostream& out = context_.output().stream();
    const std::vector<std::string> cells = {google::protobuf::util::TimeUtil::ToString(event.time()), event.type(),
                                            event.subject(), event.actor()};
    switch (context_.format) {
      case Format::kJson:
        out << ToJson(event).dump() << '\n';
        return;
      case Format::kCsv:
        out << text::CsvLine(cells);
        return;
      case Format::kTable:
        out << cells[0] << "  " << cells[1] << "  " << cells[2] << "  " << cells[3] << '\n';
    }
  }

  Context& context_;
  const Flags& flags_;
  /// Where to go on after a break.
  std::string cursor_;
  int64_t printed_ = 0;
  bool done_ = false;
  bool drained_ = false;
};

}  // namespace

void AddEvents(CLI::App& app, Context& context) {
  CLI::App& events = *app.add_subcommand("events", "The log of changes");
  events.require_subcommand(1);
  CLI::App& tail = *events.add_subcommand("tail", "Shows events, JSON as one object a line");
  const auto flags = std::make_shared<Flags>();
  tail.add_option("--from", flags->from, "earliest, latest, a time (RFC 3339), or a cursor")->required();
  tail.add_option("--filter", flags->filter, "Which, in the filter language: type = \"lead.won\"");
  tail.add_option("--limit", flags->limit, "Stop after so many")->check(CLI::PositiveNumber);
  tail.add_flag("--follow", flags->follow, "Wait for more instead of stopping at the end");
  tail.callback([&context, flags] { context.command = [&context, flags] { return Tail(context, *flags).Run(); }; });
}

}  // namespace embudo::cli
