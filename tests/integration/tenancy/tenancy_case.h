#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/eventually.h"
#include "common/testing/temp_dir.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "services/automation/bind.h"
#include "services/automation/storage/migrations.h"
#include "services/capture/bind.h"
#include "services/capture/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "services/scoring/bind.h"
#include "services/scoring/storage/migrations.h"
#include "tests/integration/outbound/smtp_server.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using type::v1::Lead;

/// The services that work without a caller, with a mail server that they send to; and one tenant as callers of each
/// service see it.
class TenancyCase : public ::testing::Test {
 protected:
  /// One of two tenants. Callers without a word are its administrators; `own` is a service of Embudo's, which ends what
  /// it has begun also for a tenant that is suspended.
  struct Tenant {
    std::string id = suite_->NewTenant();
    Caller pipeline = suite_->As(id, type::v1::ROLE_ADMIN);
    Caller capture = suite_->As(id, type::v1::ROLE_ADMIN, "users/admin", "capture");
    Caller scoring = suite_->As(id, type::v1::ROLE_ADMIN, "users/admin", "scoring");
    Caller automation = suite_->As(id, type::v1::ROLE_ADMIN, "users/admin", "automation");

    Caller Own(const std::string& service) const {
      return suite_->As(id, type::v1::ROLE_SERVICE, "services/pipeline", service);
    }
  };

  static void SetUpTestSuite() {
    server_ = std::make_unique<SmtpServer>();
    std::ofstream(files_->path() / "links") << "a secret that is long enough to sign links with\n";
    suite_ = std::make_unique<Suite>(std::vector<ServiceUnderTest>{
        {"pipeline", pipeline::Bind, &pipeline::storage::Migrations(), {{"private-push-targets", "true"}}},
        {"capture",
         capture::Bind,
         &capture::storage::Migrations(),
         {{"public-http-listen", ""},
          {"public-uri", "https://example.com"},
          {"link-secret-file", (files_->path() / "links").string()},
          {"secrets-dir", files_->path().string()},
          // An import takes its time.
          {"import-batch-rows", "1"}}},
        {"scoring", scoring::Bind, &scoring::storage::Migrations()},
        {"automation",
         automation::Bind,
         &automation::storage::Migrations(),
         {{"smtp-url", server_->url()}, {"smtp-tls", "none"}, {"private-webhook-targets", "true"}}}});
  }
  static void TearDownTestSuite() {
    suite_.reset();
    server_.reset();
  }

  static Caller Operator() { return suite_->As("", type::v1::ROLE_ADMIN, "users/operator"); }
  static void Suspend(const Tenant& tenant) {
    pipeline::v1::SuspendTenantRequest request;
    request.set_name("tenants/" + tenant.id);
    Operator().Must<pipeline::v1::TenantStanding>(request);
  }
  static void Resume(const Tenant& tenant) {
    pipeline::v1::ResumeTenantRequest request;
    request.set_name("tenants/" + tenant.id);
    Operator().Must<pipeline::v1::TenantStanding>(request);
  }
  static Lead MakeLead(const Caller& caller, const std::string& email = "") {
    pipeline::v1::CreateLeadRequest create;
    create.mutable_lead()->set_display_name("Ten looms");
    create.mutable_lead()->set_email(email);
    create.mutable_lead()->set_team("teams/sales");
    return caller.Must<Lead>(create);
  }
  /// A number about a tenant, `$1`.
  static int64_t Number(const Tenant& tenant, const std::string& sql) {
    return suite_->Query(sql, db::Params::Of(tenant.id))[0].Int(0);
  }
  static std::string Text(const Tenant& tenant, const std::string& sql) {
    const db::Result rows = suite_->Query(sql, db::Params::Of(tenant.id));
    return rows.empty() ? "" : std::string(rows[0].Text(0));
  }
  /// Whether automation knows what comes with a tenant.
  static bool AwaitDefaults(const Tenant& tenant) {
    return Eventually([&] {
      return Number(tenant, "SELECT count(*) FROM automation.rule WHERE tenant_id = $1") > 0 &&
             Number(tenant, "SELECT count(*) FROM automation.mail_template WHERE tenant_id = $1") > 0;
    });
  }

  static inline const std::unique_ptr<TempDir> files_ = std::make_unique<TempDir>();
  static inline std::unique_ptr<SmtpServer> server_;
  static inline std::unique_ptr<Suite> suite_;
};

}  // namespace embudo::testing
