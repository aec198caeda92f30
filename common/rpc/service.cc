#include "common/rpc/service.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace embudo::rpc {
namespace {

/// A service that does not fit its descriptor is a programming error: there is nothing to go on with.
[[noreturn]] void Die(const std::string& service, std::string_view method, const char* what) {
  std::fprintf(stderr, "rpc: %s/%.*s %s\n", service.c_str(), static_cast<int>(method.size()), method.data(), what);
  std::abort();
}

}  // namespace

Service::Service(const google::protobuf::ServiceDescriptor* descriptor) : descriptor_(descriptor) {}

Service& Service::UnaryAny(std::string_view method, UnaryHandler handler) {
  Method& added = Add(method);
  if (added.descriptor->client_streaming() || added.descriptor->server_streaming()) {
    Die(descriptor_->full_name(), method, "is not unary");
  }
  added.unary = std::move(handler);
  return *this;
}

Service& Service::Bidi(std::string_view method, StreamFactory factory) {
  Method& added = Add(method);
  if (!added.descriptor->server_streaming()) Die(descriptor_->full_name(), method, "does not stream answers");
  added.bidi = std::move(factory);
  return *this;
}

Service& Service::ClientStream(std::string_view method, ClientStreamHandler handler) {
  Method& added = Add(method);
  if (!added.descriptor->client_streaming() || added.descriptor->server_streaming()) {
    Die(descriptor_->full_name(), method, "is not client-streaming");
  }
  added.client_stream = std::move(handler);
  return *this;
}

void Service::CheckTypes(std::string_view method, const google::protobuf::Descriptor* request,
                         const google::protobuf::Descriptor* response) const {
  const auto* found = descriptor_->FindMethodByName(std::string(method));
  if (found == nullptr) Die(descriptor_->full_name(), method, "is not in the proto");
  if (found->input_type() != request) Die(descriptor_->full_name(), method, "has another request type");
  if (found->output_type() != response) Die(descriptor_->full_name(), method, "has another response type");
}

Service::Method& Service::Add(std::string_view method) {
  const auto* found = descriptor_->FindMethodByName(std::string(method));
  if (found == nullptr) Die(descriptor_->full_name(), method, "is not in the proto");
  auto [it, added] = methods_.try_emplace(std::string(method));
  if (!added) Die(descriptor_->full_name(), method, "has two handlers");
  it->second.descriptor = found;
  return it->second;
}

}  // namespace embudo::rpc
