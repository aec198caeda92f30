#include "common/rpc/method.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "grpc/health/v1/health.pb.h"

namespace embudo::rpc {
namespace {

/// A method of the file that holds a message, by the names of its service and its own.
std::unique_ptr<ServedMethod> Method(const google::protobuf::Descriptor* message, const std::string& service,
                                     const std::string& name) {
  static metrics::Registry metrics;
  Service::Method handlers;
  handlers.descriptor = message->file()->FindServiceByName(service)->FindMethodByName(name);
  return std::make_unique<ServedMethod>(handlers, metrics);
}

Identity Caller(const std::string& tenant, std::vector<type::v1::Role> roles) {
  Identity identity;
  identity.tenant = tenant;
  identity.roles = std::move(roles);
  return identity;
}

TEST(MethodTest, AMethodWithoutAccessIsOpenToNobody) {
  const auto check = Method(grpc::health::v1::HealthCheckRequest::descriptor(), "Health", "Check");
  for (const auto role : {type::v1::ROLE_REP, type::v1::ROLE_MANAGER, type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
    EXPECT_EQ(ReasonOf(CheckAccess(*check, Caller("acme", {role}))), "ROLE_REQUIRED");
  }
}

TEST(MethodTest, NoRoleImpliesAnother) {
  const auto create = Method(pipeline::v1::GetTagRequest::descriptor(), "CatalogService", "CreateTag");
  EXPECT_EQ(ReasonOf(CheckAccess(*create, Caller("acme", {}))), "ROLE_REQUIRED");
  EXPECT_EQ(ReasonOf(CheckAccess(*create, Caller("acme", {type::v1::ROLE_MANAGER}))), "ROLE_REQUIRED");
  EXPECT_TRUE(CheckAccess(*create, Caller("acme", {type::v1::ROLE_REP, type::v1::ROLE_ADMIN})).ok());
}

TEST(MethodTest, OnlyMethodsForTheWholeInstallationNeedNoTenant) {
  const auto create = Method(pipeline::v1::GetTagRequest::descriptor(), "CatalogService", "CreateTag");
  EXPECT_EQ(ReasonOf(CheckAccess(*create, Caller("", {type::v1::ROLE_ADMIN}))), "TENANT_REQUIRED");
  const auto tenant = Method(pipeline::v1::CreateTenantRequest::descriptor(), "TenantService", "CreateTenant");
  ASSERT_TRUE(tenant->access.no_tenant());
  EXPECT_TRUE(CheckAccess(*tenant, Caller("", {type::v1::ROLE_ADMIN})).ok());
}

TEST(MethodTest, KnowsItsNamesAndTypes) {
  const auto get = Method(pipeline::v1::GetTagRequest::descriptor(), "CatalogService", "GetTag");
  EXPECT_EQ(get->name, "embudo.pipeline.v1.CatalogService/GetTag");
  EXPECT_EQ(get->path, "/embudo.pipeline.v1.CatalogService/GetTag");
  EXPECT_EQ(get->request->GetDescriptor(), pipeline::v1::GetTagRequest::descriptor());
  EXPECT_EQ(get->response->GetDescriptor(), type::v1::Tag::descriptor());
}

}  // namespace
}  // namespace embudo::rpc
