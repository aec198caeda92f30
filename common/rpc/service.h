#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/call_context.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace embudo::rpc {

/// A unary handler without its types: request in, response or status out. Runs on the executor and may block.
using UnaryHandler = std::function<absl::Status(const CallContext&, const google::protobuf::Message& request,
                                                google::protobuf::Message& response)>;

/// The server's end of a bidirectional (or server-streaming) call, as a handler sees it. Thread-safe. No thread waits
/// for a stream: the adapter calls the handler when something happens.
class BidiStream {
 public:
  virtual ~BidiStream() = default;
  virtual const CallContext& context() const = 0;
  /// Verifies a new bearer token for a stream that outlives its first one: who the caller is now, with its roles.
  /// UNAUTHENTICATED if it is not good, or is another subject's or tenant's.
  virtual absl::StatusOr<Identity> Renew(const std::string& token) const = 0;
  /// Sends a message. At most one is on its way; the adapter calls StreamHandler::OnWritable when it has left, and the
  /// handler writes no other before that.
  virtual void Write(const google::protobuf::Message& message) = 0;
  /// Ends the stream with a status, after a message that is on its way. Later calls do nothing.
  virtual void Finish(const absl::Status& status) = 0;
};

/// The handler of one bidirectional stream. Its methods are called one at a time, on gRPC's threads: they must not
/// block. It is destroyed when the stream is over, whoever ended it.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  /// The client sent a message, already validated.
  virtual void OnMessage(const google::protobuf::Message& message) = 0;
  /// The client will send no more; it still reads.
  virtual void OnReadsDone() = 0;
  /// The last Write has left.
  virtual void OnWritable() = 0;
  /// The server is about to stop: send what there is to say and finish soon; a stream that does not is cut when the
  /// grace time is over.
  virtual void OnDraining() {}
  /// The stream is over (finished, cancelled, connection lost). Nothing is called after this.
  virtual void OnDone() = 0;
};

/// Makes the handler of a new stream, on gRPC's thread: it must not block, and may write and finish already. `stream`
/// lives until OnDone has returned, and longer as long as somebody holds it.
using StreamFactory = std::function<std::shared_ptr<StreamHandler>(std::shared_ptr<BidiStream> stream)>;

/// Reads the next message of a client-streaming call, already validated; nullptr at the end of the stream. Blocks the
/// executor's thread: DEADLINE_EXCEEDED if the client is silent for longer than ServerOptions::stream_read_timeout,
/// CANCELLED if it is gone.
using MessageReader = std::function<absl::StatusOr<std::unique_ptr<google::protobuf::Message>>()>;
/// A client-streaming handler. Runs on the executor. To end the call early it returns without reading on.
using ClientStreamHandler =
    std::function<absl::Status(const CallContext&, const MessageReader& next, google::protobuf::Message& response)>;

/// The handlers of one proto service, by method. The types, the access rules and the value rules come from the
/// service's descriptor, so that a new RPC is its proto, its handler and its test. Building a server with a service
/// that lacks a handler for one of its methods is a programming error and aborts at start.
class Service {
 public:
  explicit Service(const google::protobuf::ServiceDescriptor* descriptor);

  /// Registers the handler of a unary method, such as
  ///   service.Unary<CreateLeadRequest, Lead>("CreateLead", [](const CallContext& call, const CreateLeadRequest&
  ///   request)
  ///                                                            -> absl::StatusOr<Lead> { ... });
  template <class Request, class Response, class Handler>
  Service& Unary(std::string_view method, Handler handler) {
    CheckTypes(method, Request::descriptor(), Response::descriptor());
    return UnaryAny(method,
                    [handler = std::move(handler)](const CallContext& call, const google::protobuf::Message& request,
                                                   google::protobuf::Message& response) -> absl::Status {
                      absl::StatusOr<Response> result = handler(call, static_cast<const Request&>(request));
                      if (!result.ok()) return result.status();
                      static_cast<Response&>(response).Swap(&*result);
                      return absl::OkStatus();
                    });
  }
  /// The same without types, for mechanisms that serve many resources through their descriptors.
  Service& UnaryAny(std::string_view method, UnaryHandler handler);
  /// For bidirectional methods, and for server-streaming ones: there the client's one message comes by OnMessage.
  Service& Bidi(std::string_view method, StreamFactory factory);
  Service& ClientStream(std::string_view method, ClientStreamHandler handler);

  const google::protobuf::ServiceDescriptor* descriptor() const { return descriptor_; }

  struct Method {
    const google::protobuf::MethodDescriptor* descriptor = nullptr;
    UnaryHandler unary;
    StreamFactory bidi;
    ClientStreamHandler client_stream;
  };
  /// By method name. Used by the server.
  const std::map<std::string, Method, std::less<>>& methods() const { return methods_; }

 private:
  void CheckTypes(std::string_view method, const google::protobuf::Descriptor* request,
                  const google::protobuf::Descriptor* response) const;
  Method& Add(std::string_view method);

  const google::protobuf::ServiceDescriptor* descriptor_;
  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace embudo::rpc
