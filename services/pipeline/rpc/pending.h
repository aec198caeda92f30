#pragma once

#include <memory>

#include "common/rpc/service.h"

namespace embudo::pipeline::rpc {

/// Answers UNIMPLEMENTED for every method that has no handler.
inline void Pending(embudo::rpc::Service& service) {
  const auto* descriptor = service.descriptor();
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const auto* method = descriptor->method(i);
    if (service.methods().contains(method->name())) continue;
    const absl::Status status = absl::UnimplementedError(method->name());
    if (method->server_streaming()) {
      service.Bidi(method->name(), [status](const std::shared_ptr<embudo::rpc::BidiStream>& stream) {
        stream->Finish(status);
        return std::shared_ptr<embudo::rpc::StreamHandler>();
      });
    } else if (method->client_streaming()) {
      service.ClientStream(method->name(), [status](const auto&, const auto&, auto&) { return status; });
    } else {
      service.UnaryAny(method->name(), [status](const auto&, const auto&, auto&) { return status; });
    }
  }
}

}  // namespace embudo::pipeline::rpc
