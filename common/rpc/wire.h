#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace embudo::rpc {

/// Most bytes of an error's message, and of its serialised details (which repeat the message). HTTP/2 peers take 8 KiB
/// of metadata by default, binary metadata grows by a third on the way, and who sends more loses the error altogether.
inline constexpr size_t kMaxMessageBytes = 1024;
inline constexpr size_t kMaxDetailBytes = 4096;

/// The one place where a Status becomes wire. The message and details are cut to what HTTP/2 metadata holds (ErrorInfo
/// then has `details_cut`); a status without an ErrorInfo gets one whose reason is the code's name; every ErrorInfo
/// gets `call_id`. INTERNAL and UNKNOWN say nothing but `error_id`, under which the caller of this function logs the
/// rest.
grpc::Status ToWire(const absl::Status& status, std::string_view call_id, std::string_view error_id);
/// The inverse, for clients.
absl::Status FromWire(const grpc::Status& status);

/// Whether a status's message is hidden from callers.
bool IsMasked(const absl::Status& status);

/// False if the bytes are not a message of this type.
bool ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::Message* message);
grpc::ByteBuffer ToBytes(const google::protobuf::Message& message);

}  // namespace embudo::rpc
