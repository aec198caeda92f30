// Who may call what, of all services: every method as every role, as nobody in particular, and as another tenant. It
// goes by the descriptors, so that a new method is looked at without a word here.

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/eventually.h"
#include "google/api/annotations.pb.h"
#include "tests/integration/contract/locked.h"
#include "tests/integration/contract/records.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;

class AccessTest : public AllServicesTest {};

constexpr Role kRoles[] = {type::v1::ROLE_REP, type::v1::ROLE_MANAGER, type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE};

/// Methods that do not say who may call them, or say it in two ways.
std::vector<std::string> HolesIn(const std::vector<const MethodDescriptor*>& methods) {
  std::vector<std::string> holes;
  for (const MethodDescriptor* method : methods) {
    const auto& access = method->options().GetExtension(type::v1::access);
    if (access.anonymous() == (access.roles_size() > 0)) holes.push_back(method->full_name());
  }
  return holes;
}

TEST_F(AccessTest, EveryMethodSaysWhoMayCallIt) {
  EXPECT_GT(methods_.size(), 150u);
  EXPECT_THAT(HolesIn(methods_), ::testing::IsEmpty());
}

TEST_F(AccessTest, AMethodThatSaysNothingIsAHole) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("planted.proto");
  file.set_package("planted");
  file.add_message_type()->set_name("M");
  auto& service = *file.add_service();
  service.set_name("S");
  for (const char* name : {"Silent", "Declared", "Contradicted"}) {
    auto& method = *service.add_method();
    method.set_name(name);
    method.set_input_type(".planted.M");
    method.set_output_type(".planted.M");
    auto* access = method.mutable_options()->MutableExtension(type::v1::access);
    if (method.name() != "Silent") access->add_roles(type::v1::ROLE_ADMIN);
    access->set_anonymous(method.name() == "Contradicted");
  }
  service.mutable_method(0)->clear_options();
  google::protobuf::DescriptorPool pool(google::protobuf::DescriptorPool::generated_pool());
  const auto* planted = pool.BuildFile(file);
  ASSERT_NE(planted, nullptr);
  std::vector<const MethodDescriptor*> methods = methods_;
  for (int i = 0; i < 3; ++i) methods.push_back(planted->service(0)->method(i));
  EXPECT_THAT(HolesIn(methods), ::testing::ElementsAre("planted.S.Silent", "planted.S.Contradicted"));
}

TEST_F(AccessTest, ARoleMayCallWhatItsRuleSaysAndNothingElse) {
  const std::string tenant = suite_->NewTenant();
  size_t holes = HolesIn(methods_).size();
  for (const MethodDescriptor* method : methods_) {
    const auto& access = method->options().GetExtension(type::v1::access);
    std::string row;
    for (const Role role : kRoles) {
      const bool allowed = access.anonymous() || std::count(access.roles().begin(), access.roles().end(), role) > 0;
      std::string answer;
      const absl::Status status =
          CallMethod(As(tenant, method, role, "users/somebody"), method, *New(method->input_type()), &answer);
      row += allowed ? " x" : " -";
      if (!allowed) {
        holes += status.code() == StatusCode::kPermissionDenied ? 0 : 1;
        EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << method->full_name() << " as " << Role_Name(role);
        continue;
      }
      EXPECT_THAT(status.code(), ::testing::Not(::testing::AnyOf(StatusCode::kUnauthenticated, StatusCode::kInternal,
                                                                 StatusCode::kUnknown, StatusCode::kUnimplemented)))
          << method->full_name() << " as " << Role_Name(role) << ": " << status;
      EXPECT_NE(ReasonOf(status), "ROLE_MISSING") << method->full_name() << " as " << Role_Name(role);
    }
    std::printf("%s  %s\n", row.c_str(), method->full_name().c_str());
  }
  std::printf(" rep, manager, admin, service of %zu methods: %zu holes\n", methods_.size(), holes);
  EXPECT_EQ(holes, 0u);
}

TEST_F(AccessTest, WithoutAGoodTokenNothingAnswers) {
  const SigningKey key;
  const std::map<std::string, app::BindFunction> services = {{"pipeline", pipeline::Bind},
                                                             {"capture", capture::Bind},
                                                             {"scoring", scoring::Bind},
                                                             {"automation", automation::Bind},
                                                             {"reporting", reporting::Bind}};
  for (const auto& [name, bind] : services) {
    const Locked locked(name, bind, *suite_, key.jwks());
    // None, and what is none; a name alone, as in development, is not believed.
    for (const auto& credentials : {rpc::TokenCredentials("x.y.z"), rpc::DevCredentials()}) {
      rpc::Client client({.target = locked.address(), .credentials = credentials});
      rpc::Identity admin;
      admin.tenant = "somebody-elses";
      admin.actor = "users/admin";
      admin.roles = {type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE};
      for (const MethodDescriptor* method : methods_) {
        const bool anonymous = method->options().GetExtension(type::v1::access).anonymous();
        if (ServiceOf(method) != name || anonymous) continue;
        std::string answer;
        const absl::Status status = CallMethod(Caller(client, admin), method, *New(method->input_type()), &answer);
        EXPECT_EQ(status.code(), StatusCode::kUnauthenticated) << method->full_name() << ": " << status;
        EXPECT_EQ(answer, "");
      }
    }
  }
}

/// Two tenants. The second tries all that the first has.
class TenantTest : public RecordsTest {
 protected:
  /// Whether the request names a record of the first tenant that no other tenant has by that name.
  bool NamesItsRecord(const std::string& request) const {
    for (const auto& [type, name] : names_) {
      if (HasOwnId(name) && request.find("\"" + name + "\"") != std::string::npos) return true;
    }
    return false;
  }

  /// Every row of the first tenant, in all schemas.
  std::string Rows() const {
    const db::Result tables = suite_->Query(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.columns JOIN"
        " information_schema.tables USING (table_schema, table_name) WHERE column_name = 'tenant_id' AND table_type ="
        " 'BASE TABLE' AND table_schema IN ('pipeline', 'capture', 'scoring', 'automation', 'reporting') ORDER BY 1");
    std::string rows;
    for (int i = 0; i < tables.size(); ++i) {
      const std::string table(tables[i].Text(0));
      const db::Result sum =
          suite_->Query("SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM " +
                            table + " t WHERE tenant_id = $1",
                        db::Params::Of(first_));
      rows += table + " " + std::string(sum[0].Text(0)) + "\n";
    }
    return rows;
  }
  /// The same when nothing changes any more.
  std::string RowsAtRest() const {
    std::string rows = Rows();
    EXPECT_TRUE(Eventually([&] {
      const bool pending = suite_->Query("SELECT count(*) FROM pipeline.event_pending")[0].Int(0) > 0;
      std::string now = Rows();
      const bool same = now == rows && !pending && ++quiet_ > 10;
      if (now != rows) quiet_ = 0;
      rows = std::move(now);
      return same;
    }));
    quiet_ = 0;
    return rows;
  }

  const std::string second_ = suite_->NewTenant();
  mutable int quiet_ = 0;
};

TEST_F(TenantTest, AnotherTenantReachesNothing) {
  EXPECT_GT(names_.size(), 25u);
  // What comes by itself once a day is there.
  EXPECT_TRUE(Eventually([this] {
    const db::Result daily = suite_->Query(
        "SELECT count(*) FROM reporting.forecast_snapshot WHERE tenant_id = $1 AND daily", db::Params::Of(first_));
    return daily[0].Int(0) > 0;
  }));
  const std::string before = RowsAtRest();
  EXPECT_EQ(before.find("pipeline.lead 0"), std::string::npos) << before;
  size_t reached = 0;
  std::set<std::string> not_tried;
  for (const MethodDescriptor* method : methods_) {
    if (method->name() == "CreateTenant") continue;
    const std::unique_ptr<Message> request = New(method->input_type());
    FillRequest(method, *request, false);
    const bool names = NamesItsRecord(request->ShortDebugString());
    for (const Role role : {type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
      std::string answer;
      const absl::Status status = CallMethod(As(second_, method, role, "users/mallory"), method, *request, &answer);
      for (const auto& [type, name] : names_) {
        const std::string id = name.substr(name.rfind('/') + 1);
        if (!HasOwnId(name)) continue;
        // What it was asked for by name may be said back, but nothing else of the tenant; the audit log says back what
        // its own tenant has asked for before.
        const bool asked =
            request->ShortDebugString().find(id) != std::string::npos || method->name() == "ListAuditEntries";
        EXPECT_TRUE(asked || answer.find(id) == std::string::npos) << method->full_name() << " tells of " << name;
      }
      if (names && status.ok()) {
        ++reached;
        std::printf("  answered  %s: %.200s\n", method->full_name().c_str(), answer.c_str());
      }
      EXPECT_NE(status.code(), StatusCode::kInternal) << method->full_name() << ": " << status;
    }
    if (!names) not_tried.insert(method->full_name());
  }
  std::printf(" %zu methods, %zu by names of the other tenant's records, %zu answers\n", methods_.size(),
              methods_.size() - not_tried.size(), reached);
  for (const std::string& method : not_tried) std::printf("  no name  %s\n", method.c_str());
  EXPECT_EQ(RowsAtRest(), before);
}

}  // namespace
}  // namespace embudo::testing
