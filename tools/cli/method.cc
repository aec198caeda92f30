#include "tools/cli/method.h"

#include <array>

#include "common/base/error.h"

namespace embudo::cli {
namespace {

constexpr std::array<const char*, 5> kPackages = {"pipeline", "capture", "scoring", "automation", "reporting"};

const google::protobuf::ServiceDescriptor* FindService(const std::string& name) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  if (name.starts_with("embudo.")) return pool->FindServiceByName(name);
  if (name.find('.') != std::string::npos) return pool->FindServiceByName("embudo." + name);
  for (const char* package : kPackages) {
    const auto* service = pool->FindServiceByName(std::string("embudo.") + package + ".v1." + name);
    if (service != nullptr) return service;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<const google::protobuf::MethodDescriptor*> FindMethod(const std::string& name) {
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return InvalidField("method", "is not of the form Service/Method");
  const auto* service = FindService(name.substr(0, slash));
  if (service == nullptr) return InvalidField("method", "there is no service " + name.substr(0, slash));
  if (const auto* method = service->FindMethodByName(name.substr(slash + 1))) return method;
  std::string methods;
  for (int i = 0; i < service->method_count(); ++i) methods += (i == 0 ? "" : ", ") + service->method(i)->name();
  return InvalidField("method", service->full_name() + " has no " + name.substr(slash + 1) + "; it has " + methods);
}

}  // namespace embudo::cli
