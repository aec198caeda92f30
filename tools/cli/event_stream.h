#pragma once

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "common/base/error.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "tools/cli/context.h"

namespace embudo::cli {

constexpr int64_t kCreditEvents = 1000;
constexpr int64_t kCreditBytes = 8 << 20;

/// Opens a stream with what `first` makes and hands each answer to `take`, until that says that it has enough. Where
/// the server drains the stream it opens another.
template <class Response, class First, class Take>
absl::Status ReadStream(Context& context, const std::string& method, const First& first, const Take& take) {
  while (true) {
    const auto stream = context.ClientOf(method).Stream(method, context.identity());
    stream->Write(first());
    bool drained = false;
    for (Response response; stream->Read(&response);) {
      if (take(response, *stream)) return absl::OkStatus();
      drained = drained || response.has_draining();
    }
    EMBUDO_RETURN_IF_ERROR(stream->Finish());
    if (!drained) return absl::UnavailableError("the server ended the stream");
  }
}

}  // namespace embudo::cli
