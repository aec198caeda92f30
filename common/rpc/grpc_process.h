#pragma once

namespace embudo::rpc {

/// What a process sets once before it uses gRPC. Thread-safe.
void SetUpGrpc();

}  // namespace embudo::rpc
