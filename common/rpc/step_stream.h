#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/executor.h"
#include "common/rpc/service.h"

namespace embudo::rpc {

/// Makes the next message of a stream; nullptr at its end. Blocks; the call has time for one step.
using Step = std::function<absl::StatusOr<std::unique_ptr<google::protobuf::Message>>(const CallContext& call)>;
/// What the steps of a request are.
using MakeStep = std::function<Step(const google::protobuf::Message& request)>;

/// A server-streaming method whose answers are made one at a time on `executor`, as fast as the client takes them.
StreamFactory StepStreams(std::shared_ptr<Executor> executor, MakeStep make);

}  // namespace embudo::rpc
