#include "common/resource/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/resource/change.h"
#include "google/protobuf/struct.pb.h"

namespace embudo::resource {

using google::protobuf::Message;

int PageSize(const Message& request, int standard, int largest) {
  const auto* field = request.GetDescriptor()->FindFieldByName("page_size");
  const int size = request.GetReflection()->GetInt32(request, field);
  return size == 0 ? standard : std::min(size, largest);
}

std::string QueryHash(const rpc::CallContext& call, const Message& request) {
  std::unique_ptr<Message> query(request.New());
  query->CopyFrom(request);
  for (const char* field : {"page_token", "page_size"}) {
    query->GetReflection()->ClearField(query.get(), query->GetDescriptor()->FindFieldByName(field));
  }
  return HashRequest(call.method + call.tenant(), *query).substr(0, 12);
}

std::string MakePageToken(const std::string& query, const std::vector<std::string>& values) {
  google::protobuf::ListValue token;
  token.add_values()->set_string_value(absl::BytesToHexString(query));
  for (const std::string& value : values) token.add_values()->set_string_value(value);
  return absl::WebSafeBase64Escape(token.SerializeAsString());
}

absl::StatusOr<std::vector<std::string>> ReadPageToken(const std::string& text, const std::string& query,
                                                       size_t count) {
  std::string bytes;
  google::protobuf::ListValue token;
  std::vector<std::string> values;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || !token.ParseFromString(bytes) || token.values_size() == 0) {
    return InvalidField("page_token", "is no token that this service made");
  }
  if (token.values(0).string_value() != absl::BytesToHexString(query) ||
      token.values_size() != static_cast<int>(count) + 1) {
    return Error(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH",
                 "page_token: belongs to another query; every field but page_size must be as it was")
        .Field("page_token", "belongs to another query")
        .ToStatus();
  }
  for (int i = 1; i < token.values_size(); ++i) values.push_back(token.values(i).string_value());
  return values;
}

}  // namespace embudo::resource
