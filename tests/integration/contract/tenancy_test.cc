// Tenants as such: suspended, limited, exported, deleted. In every service, and with another tenant beside that goes
// on.

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/redis/connection.h"
#include "common/testing/eventually.h"
#include "embudo/automation/v1/rule_service.pb.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/audit_service.pb.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/tenancy_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "embudo/type/v1/tenant_data.pb.h"
#include "tests/integration/contract/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::TenantLimits;
using pipeline::v1::TenantStanding;
using type::v1::Lead;

class TenancyTest : public AllServicesTest {
 protected:
  static Caller Operator() { return suite_->As("", type::v1::ROLE_ADMIN, "users/operator"); }
  static Caller Admin(const std::string& tenant) { return suite_->As(tenant, type::v1::ROLE_ADMIN); }

  template <class Request>
  static Request Of(const std::string& tenant) {
    Request request;
    request.set_name("tenants/" + tenant);
    return request;
  }
  static absl::StatusOr<Lead> CreateLead(const Caller& caller, const std::string& name, const std::string& team = "") {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name(name);
    request.mutable_lead()->set_team(team);
    return caller.Call<Lead>(request);
  }
  static absl::Status Read(const Caller& caller) {
    pipeline::v1::GetTenantRequest request;
    request.set_name("tenants/" + caller.identity().tenant);
    return caller.Call<type::v1::Tenant>(request).status();
  }
  static absl::Status CallEmpty(const Caller& caller, const MethodDescriptor* method) {
    const std::string name = method->service()->full_name() + "/" + method->name();
    if (method->client_streaming() || method->server_streaming()) {
      return caller.client().Stream(name, caller.identity())->Finish();
    }
    return caller.client().Call(name, caller.identity(), *New(method->input_type()), New(method->output_type()).get());
  }
  /// What the tenant's calls meet in every service, once all of them know.
  static void AwaitInEveryService(const std::string& tenant, const std::string& reason) {
    std::set<std::string> seen;
    for (const MethodDescriptor* method : methods_) {
      const bool reads = method->name().starts_with("List") && !method->server_streaming();
      if (!reads || !seen.insert(ServiceOf(method)).second) continue;
      EXPECT_TRUE(Eventually([&] {
        const auto& roles = method->options().GetExtension(type::v1::access).roles();
        const absl::Status status = As(tenant, method, static_cast<Role>(roles.Get(roles.size() - 1)))
                                        .CallAny(*New(method->input_type()), New(method->output_type()).get());
        return ReasonOf(status) == reason || (reason.empty() && status.code() != StatusCode::kFailedPrecondition);
      })) << method->full_name();
    }
    EXPECT_EQ(seen.size(), 5u);
  }
  static TenantLimits SetLimits(const std::string& tenant, const TenantLimits& limits) {
    pipeline::v1::UpdateTenantLimitsRequest request;
    *request.mutable_limits() = limits;
    request.mutable_limits()->set_name("tenants/" + tenant + "/limits");
    return Operator().Must<TenantLimits>(request);
  }
  static std::string Export(const Caller& caller, const std::string& service, const std::string& tenant,
                            absl::Status* status) {
    const auto stream = caller.Stream("embudo." + service + ".v1.TenantDataService/ExportTenantData");
    stream->Write(Of<type::v1::ExportTenantDataRequest>(tenant));
    stream->WritesDone();
    std::string text;
    for (type::v1::ExportTenantDataResponse piece; stream->Read(&piece);) text += piece.data();
    *status = stream->Finish();
    return text;
  }

  const std::string tenant_ = suite_->NewTenant();
  const std::string other_ = suite_->NewTenant();
};

TEST_F(TenancyTest, OnlyOperatorsDecideAboutTenants) {
  for (const std::string& caller : {tenant_, other_}) {
    for (const Role role : {type::v1::ROLE_ADMIN, type::v1::ROLE_SERVICE}) {
      const Caller as = suite_->As(caller, role);
      const auto refused = IsError(StatusCode::kPermissionDenied, "OPERATOR_REQUIRED");
      EXPECT_THAT(as.Call<TenantStanding>(Of<pipeline::v1::SuspendTenantRequest>(tenant_)), refused);
      EXPECT_THAT(as.Call<TenantStanding>(Of<pipeline::v1::ResumeTenantRequest>(tenant_)), refused);
      EXPECT_THAT(as.Call<TenantStanding>(Of<pipeline::v1::DeleteTenantRequest>(tenant_)), refused);
      EXPECT_THAT(as.Call<TenantStanding>(Of<pipeline::v1::UndeleteTenantRequest>(tenant_)), refused);
    }
  }
  EXPECT_THAT(Operator().Call<TenantStanding>(Of<pipeline::v1::SuspendTenantRequest>("nobody-here")),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  auto stale = Of<pipeline::v1::SuspendTenantRequest>(tenant_);
  stale.set_etag("17");
  EXPECT_THAT(Operator().Call<TenantStanding>(stale), IsError(StatusCode::kAborted, "STALE_ETAG"));
  // Only checked.
  auto dry = Of<pipeline::v1::SuspendTenantRequest>(tenant_);
  dry.set_validate_only(true);
  EXPECT_EQ(Operator().Must<TenantStanding>(dry).state(), TenantStanding::STATE_SUSPENDED);
  EXPECT_TRUE(Read(Admin(tenant_)).ok());
}

TEST_F(TenancyTest, ASuspendedTenantIsServedNowhereAndGoesOnAfterwards) {
  ASSERT_TRUE(CreateLead(Admin(tenant_), "before").ok());
  const auto tail = Admin(tenant_).Stream("embudo.pipeline.v1.EventService/Tail");
  pipeline::v1::TailRequest start;
  start.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
  tail->Write(start);
  pipeline::v1::TailResponse response;
  ASSERT_TRUE(tail->Read(&response));

  auto suspend = Of<pipeline::v1::SuspendTenantRequest>(tenant_);
  suspend.set_reason("unpaid");
  const auto standing = Operator().Must<TenantStanding>(suspend);
  EXPECT_EQ(standing.state(), TenantStanding::STATE_SUSPENDED);
  EXPECT_EQ(standing.reason(), "unpaid");
  EXPECT_EQ(standing.suspend_time().seconds(), ToTimestamp(suite_->clock().Now()).seconds());
  EXPECT_THAT(Operator().Must<TenantStanding>(suspend), SameAs(standing));

  EXPECT_THAT(tail->Finish(), IsError(StatusCode::kFailedPrecondition, "TENANT_SUSPENDED"));
  AwaitInEveryService(tenant_, "TENANT_SUSPENDED");
  size_t refused = 0;
  for (const MethodDescriptor* method : methods_) {
    const auto& access = method->options().GetExtension(type::v1::access);
    for (const int role : access.roles()) {
      // The credentials decide, and not what is asked for.
      EXPECT_THAT(CallEmpty(As(tenant_, method, static_cast<Role>(role)), method),
                  IsError(StatusCode::kFailedPrecondition, "TENANT_SUSPENDED"))
          << method->full_name();
      ++refused;
    }
  }
  EXPECT_GT(refused, 500u);
  EXPECT_TRUE(Read(Admin(other_)).ok());
  EXPECT_TRUE(CreateLead(Admin(other_), "beside").ok());

  Operator().Must<TenantStanding>(Of<pipeline::v1::ResumeTenantRequest>(tenant_));
  AwaitInEveryService(tenant_, "");
  EXPECT_TRUE(CreateLead(Admin(tenant_), "after").ok());
}

TEST_F(TenancyTest, RulesOfASuspendedTenantWait) {
  const auto switch_on = [](const std::string& tenant) {
    automation::v1::UpdateRuleRequest request;
    request.mutable_rule()->set_name("rules/lead-assignment");
    request.mutable_rule()->set_enabled(true);
    request.mutable_update_mask()->add_paths("enabled");
    EXPECT_TRUE(Eventually([&] {
      return suite_->As(tenant, type::v1::ROLE_ADMIN, "users/admin", "automation")
          .Call<automation::v1::Rule>(request)
          .ok();
    }));
  };
  // Nobody is in the team, so that a run is tried again and again: what counts is whether it was begun.
  const auto runs = [](const std::string& tenant, bool begun) {
    return suite_
        ->Query("SELECT count(*) FROM automation.run WHERE tenant_id = $1 AND (attempts > 0) = $2::boolean",
                db::Params::Of(tenant, begun))[0]
        .Int(0);
  };
  switch_on(tenant_);
  switch_on(other_);
  Operator().Must<TenantStanding>(Of<pipeline::v1::SuspendTenantRequest>(tenant_));
  AwaitInEveryService(tenant_, "TENANT_SUSPENDED");
  // A service ends what it has begun.
  ASSERT_TRUE(CreateLead(suite_->As(tenant_, type::v1::ROLE_SERVICE, "services/capture"), "late", "teams/sales").ok());
  EXPECT_TRUE(Eventually([&] { return runs(tenant_, false) == 1; }));
  // Who comes later has its turn before.
  ASSERT_TRUE(CreateLead(Admin(other_), "beside", "teams/sales").ok());
  EXPECT_TRUE(Eventually([&] { return runs(other_, true) == 1; }));
  EXPECT_EQ(runs(tenant_, false), 1);
  Operator().Must<TenantStanding>(Of<pipeline::v1::ResumeTenantRequest>(tenant_));
  EXPECT_TRUE(Eventually([&] { return runs(tenant_, true) == 1; }));
}

TEST_F(TenancyTest, LimitsAreKeptAndTellWhatTheyAre) {
  TenantLimits limits;
  limits.set_reads_per_second(3);
  limits.set_writes_per_second(2);
  limits.set_streams(1);
  const TenantLimits kept = SetLimits(tenant_, limits);
  EXPECT_EQ(kept.reads_per_second(), 3);
  EXPECT_EQ(kept.bulk_per_second(), 0);

  // The clock stands still: a second's calls, and not one more.
  const Caller admin = Admin(tenant_);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Read(admin).ok()) << i;
  const absl::Status refused = Read(admin);
  EXPECT_THAT(refused, IsError(StatusCode::kResourceExhausted, "TENANT_RATE_LIMIT"));
  const auto quota = DetailOf<google::rpc::QuotaFailure>(refused);
  ASSERT_EQ(quota.violations_size(), 1);
  EXPECT_EQ(quota.violations(0).subject(), "tenants/" + tenant_);
  EXPECT_EQ(quota.violations(0).description(), "the tenant's limit is 3 read calls a second");
  const auto retry = DetailOf<google::rpc::RetryInfo>(refused).retry_delay();
  EXPECT_EQ(retry.seconds(), 0);
  EXPECT_EQ(retry.nanos(), 334000000);
  // Writes have their own.
  EXPECT_TRUE(CreateLead(admin, "one").ok());
  EXPECT_TRUE(CreateLead(admin, "two").ok());
  EXPECT_THAT(CreateLead(admin, "three"), IsError(StatusCode::kResourceExhausted, "TENANT_RATE_LIMIT"));
  // So has another tenant.
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Read(Admin(other_)).ok()) << i;
  suite_->Advance(std::chrono::seconds(1));
  EXPECT_TRUE(Read(admin).ok());
  EXPECT_TRUE(CreateLead(admin, "three").ok());

  const std::string tail = "embudo.pipeline.v1.EventService/Tail";
  pipeline::v1::TailRequest start;
  start.mutable_start()->set_position(pipeline::v1::TailStart::POSITION_LATEST);
  pipeline::v1::TailResponse response;
  auto first = admin.Stream(tail);
  first->Write(start);
  ASSERT_TRUE(first->Read(&response));
  EXPECT_THAT(admin.Stream(tail)->Finish(), IsError(StatusCode::kResourceExhausted, "TENANT_STREAM_LIMIT"));
  first->Cancel();
  (void)first->Finish();
  EXPECT_TRUE(Eventually([&] {
    const auto again = admin.Stream(tail);
    again->Write(start);
    return again->Read(&response);
  }));

  // The tenant's administrators may look, and nothing else.
  pipeline::v1::GetTenantLimitsRequest get;
  get.set_name(kept.name());
  suite_->Advance(std::chrono::seconds(1));
  EXPECT_EQ(admin.Must<TenantLimits>(get).writes_per_second(), 2);
  EXPECT_THAT(Admin(other_).Call<TenantLimits>(get), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  pipeline::v1::UpdateTenantLimitsRequest update;
  *update.mutable_limits() = kept;
  EXPECT_THAT(admin.Call<TenantLimits>(update), IsError(StatusCode::kPermissionDenied, "OPERATOR_REQUIRED"));
}

TEST_F(TenancyTest, AFloodIsRefusedAndLeavesOthersTheirs) {
  TenantLimits limits;
  limits.set_reads_per_second(20);
  SetLimits(tenant_, limits);
  std::atomic<int> served = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> flood;
  for (int t = 0; t < 4; ++t) {
    flood.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        const absl::Status status = Read(Admin(tenant_));
        ++(status.ok() ? served : refused);
        if (!status.ok()) {
          EXPECT_EQ(ReasonOf(status), "TENANT_RATE_LIMIT") << status;
        }
      }
    });
  }
  int others = 0;
  for (int i = 0; i < 200; ++i) others += Read(Admin(other_)).ok() ? 1 : 0;
  for (auto& thread : flood) thread.join();
  std::printf(" the flood: %d served, %d refused; the other tenant: %d of 200 served\n", served.load(), refused.load(),
              others);
  EXPECT_EQ(served, 20);
  EXPECT_EQ(refused, 220);
  EXPECT_EQ(others, 200);
}

TEST_F(TenancyTest, FilesAreTakenAsFarAsThereIsRoom) {
  TenantLimits limits;
  limits.set_storage_bytes(1000);
  SetLimits(tenant_, limits);
  const auto lead = CreateLead(Admin(tenant_), "files");
  ASSERT_TRUE(lead.ok());
  const auto upload = [&](const std::string& name, size_t size) {
    const auto stream = Admin(tenant_).Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
    pipeline::v1::UploadAttachmentRequest request;
    request.set_parent(lead->name());
    request.set_file_name(name);
    request.set_content(std::string(size, 'x'));
    stream->Write(request);
    stream->WritesDone();
    type::v1::Attachment attachment;
    stream->Read(&attachment);
    return stream->Finish();
  };
  EXPECT_TRUE(upload("a.txt", 700).ok());
  const absl::Status full = upload("b.txt", 301);
  EXPECT_THAT(full, IsError(StatusCode::kResourceExhausted, "TENANT_STORAGE_LIMIT"));
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(full).violations(0).description(),
            "the tenant's limit is 1000 bytes of storage");
  EXPECT_TRUE(upload("c.txt", 300).ok());
  pipeline::v1::GetTenantLimitsRequest get;
  get.set_name("tenants/" + tenant_ + "/limits");
  EXPECT_EQ(Admin(tenant_).Must<TenantLimits>(get).used_storage_bytes(), 1000);
}

TEST_F(TenancyTest, AnExportHoldsEveryRowAndNoOtherTenants) {
  ASSERT_TRUE(CreateLead(Admin(tenant_), "Exported \"lead\" ü").ok());
  ASSERT_TRUE(CreateLead(Admin(other_), "not this one").ok());
  std::map<std::string, int64_t> rows;
  for (const char* service : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
    absl::Status status;
    const Caller caller = suite_->As("", type::v1::ROLE_ADMIN, "users/operator", service);
    std::stringstream text(Export(caller, service, tenant_, &status));
    ASSERT_TRUE(status.ok()) << service << ": " << status;
    for (std::string line; std::getline(text, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      ASSERT_FALSE(json.is_discarded()) << line;
      EXPECT_EQ(json["row"]["tenant_id"], tenant_) << line;
      EXPECT_EQ(line.find(other_), std::string::npos) << line;
      ++rows[json["table"]];
      if (json["table"] == "pipeline.lead") {
        EXPECT_EQ(json["row"]["display_name"], "Exported \"lead\" ü");
      }
    }
    // Nobody has another's.
    const Caller stranger = suite_->As(other_, type::v1::ROLE_ADMIN, "users/admin", service);
    EXPECT_EQ(Export(stranger, service, tenant_, &status), "");
    EXPECT_THAT(status, IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
    EXPECT_NE(Export(suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/admin", service), service, tenant_, &status),
              "?");
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(rows["pipeline.lead"], 1);
  EXPECT_GT(rows["pipeline.stage"], 3);
  EXPECT_GT(rows["pipeline.event"], 10);
  for (const auto& [table, count] : rows) std::printf("  %-40s %lld\n", table.c_str(), static_cast<long long>(count));
}

/// Everything that the databases hold, as text.
std::string Dump(Suite& suite, const std::string& needle) {
  const db::Result tables = suite.Query(
      "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('pipeline', 'capture',"
      " 'scoring', 'automation', 'reporting') ORDER BY 1");
  std::string found;
  for (int i = 0; i < tables.size(); ++i) {
    const std::string table(tables[i].Text(0));
    const db::Result rows =
        suite.Query("SELECT count(*) FROM " + table +
                        " t WHERE position($1 IN t::text) > 0 OR position(encode(convert_to($1::text, 'UTF8'), 'hex')"
                        " IN t::text) > 0",
                    db::Params::Of(needle));
    if (rows[0].Int(0) > 0) found += table + " " + std::to_string(rows[0].Int(0)) + "\n";
  }
  const auto redis = redis::Connection::Open(suite.redis().address(), std::chrono::seconds(5));
  EXPECT_TRUE(redis.ok());
  const auto keys = (*redis)->Command({"KEYS", "*"});
  for (size_t k = 0; k < keys->size(); ++k) {
    const std::string key((*keys)[k].text());
    if (key.find(needle) != std::string::npos) found += "redis " + key + "\n";
    if (!key.starts_with("embudo:events:")) continue;
    const auto entries = (*redis)->Command({"XRANGE", key, "-", "+"});
    for (size_t e = 0; e < entries->size(); ++e) {
      if ((*entries)[e][1][1].text().find(needle) != std::string::npos) found += "redis " + key + "\n";
    }
  }
  return found;
}

TEST_F(TenancyTest, ADeletedTenantComesBackOrLeavesNothing) {
  const Caller admin = Admin(tenant_);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(CreateLead(admin, "of " + tenant_).ok());
  const auto beside = CreateLead(Admin(other_), "beside");
  ASSERT_TRUE(beside.ok());
  auto remove = Of<pipeline::v1::DeleteTenantRequest>(tenant_);
  const auto deleted = Operator().Must<TenantStanding>(remove);
  EXPECT_EQ(deleted.state(), TenantStanding::STATE_DELETED);
  EXPECT_EQ(deleted.purge_time().seconds() - deleted.delete_time().seconds(), 30 * 24 * 3600);
  AwaitInEveryService(tenant_, "TENANT_DELETED");
  EXPECT_THAT(Operator().Call<TenantStanding>(Of<pipeline::v1::ResumeTenantRequest>(tenant_)),
              IsError(StatusCode::kFailedPrecondition, "TENANT_DELETED"));
  // Back.
  Operator().Must<TenantStanding>(Of<pipeline::v1::UndeleteTenantRequest>(tenant_));
  AwaitInEveryService(tenant_, "");
  EXPECT_THAT(Operator().Call<TenantStanding>(Of<pipeline::v1::UndeleteTenantRequest>(tenant_)),
              IsError(StatusCode::kFailedPrecondition, "TENANT_NOT_DELETED"));
  ASSERT_TRUE(CreateLead(admin, "again").ok());
  EXPECT_NE(Dump(*suite_, tenant_).find("redis"), std::string::npos);

  // For good.
  remove.mutable_retention()->set_seconds(3600);
  Operator().Must<TenantStanding>(remove);
  suite_->Advance(std::chrono::hours(2));
  pipeline::v1::GetTenantStandingRequest get;
  get.set_name("tenants/" + tenant_ + "/standing");
  EXPECT_TRUE(Eventually([&] { return absl::IsNotFound(Operator().Call<TenantStanding>(get).status()); },
                         std::chrono::seconds(60)))
      << Operator().Call<TenantStanding>(get)->ShortDebugString();
  EXPECT_EQ(Dump(*suite_, tenant_), "");

  // The other has what it had, in the log too, with no place missing.
  pipeline::v1::GetLeadRequest lead;
  lead.set_name(beside->name());
  EXPECT_EQ(Admin(other_).Must<Lead>(lead).display_name(), "beside");
  EXPECT_EQ(suite_
                ->Query("SELECT count(*) FROM pipeline.event_head h WHERE h.position > 0 AND h.position <>"
                        " (SELECT count(*) FROM pipeline.event_log e WHERE e.partition = h.partition)")[0]
                .Int(0),
            0);
  pipeline::v1::ListEventsRequest list;
  list.set_page_size(1000);
  const auto events = Admin(other_).Must<pipeline::v1::ListEventsResponse>(list);
  EXPECT_GT(events.events_size(), 10);
  ASSERT_TRUE(CreateLead(Admin(other_), "still served").ok());
}

TEST_F(TenancyTest, WhoChangedWhatIsKept) {
  pipeline::v1::UpdateTenantRequest update;
  update.mutable_tenant()->set_name("tenants/" + tenant_);
  update.mutable_tenant()->set_display_name("Renamed");
  suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/jane").Must<type::v1::Tenant>(update);
  update.mutable_tenant()->set_time_zone("nowhere");
  EXPECT_FALSE(suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/jane").Call<type::v1::Tenant>(update).ok());
  absl::Status status;
  Export(suite_->As(tenant_, type::v1::ROLE_ADMIN, "users/joe", "scoring"), "scoring", tenant_, &status);
  Operator().Must<TenantStanding>(Of<pipeline::v1::ResumeTenantRequest>(tenant_));

  const auto entries = [&](const std::string& filter) {
    pipeline::v1::ListAuditEntriesRequest list;
    list.set_filter(filter);
    return Admin(tenant_).Must<pipeline::v1::ListAuditEntriesResponse>(list);
  };
  // What was answered is there already.
  EXPECT_GE(entries("").audit_entries_size(), 5);
  const auto jane = entries("actor = \"users/jane\" AND code = \"OK\"");
  ASSERT_EQ(jane.audit_entries_size(), 1);
  EXPECT_EQ(jane.audit_entries(0).method(), "embudo.pipeline.v1.TenantService/UpdateTenant");
  EXPECT_EQ(jane.audit_entries(0).subject(), "tenants/" + tenant_);
  EXPECT_EQ(jane.audit_entries(0).roles(), "admin");
  const auto refused = entries("actor = \"users/jane\" AND code = \"INVALID_ARGUMENT\"");
  ASSERT_EQ(refused.audit_entries_size(), 1);
  EXPECT_EQ(refused.audit_entries(0).reason(), "INVALID_FIELD");
  EXPECT_EQ(entries("actor = \"users/joe\"").audit_entries(0).method(),
            "embudo.scoring.v1.TenantDataService/ExportTenantData");
  EXPECT_EQ(entries("actor = \"users/operator\"").audit_entries(0).method(),
            "embudo.pipeline.v1.TenancyService/ResumeTenant");
  pipeline::v1::GetAuditEntryRequest get;
  get.set_name(jane.audit_entries(0).name());
  EXPECT_THAT(Admin(tenant_).Must<pipeline::v1::AuditEntry>(get), SameAs(jane.audit_entries(0)));
  EXPECT_THAT(Admin(other_).Call<pipeline::v1::AuditEntry>(get), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  // What is there is not changed by the same id.
  pipeline::v1::RecordAuditEntriesRequest forged;
  *forged.add_audit_entries() = jane.audit_entries(0);
  forged.mutable_audit_entries(0)->set_actor("users/mallory");
  suite_->As(tenant_, type::v1::ROLE_SERVICE, "services/x").Must<pipeline::v1::RecordAuditEntriesResponse>(forged);
  EXPECT_EQ(Admin(tenant_).Must<pipeline::v1::AuditEntry>(get).actor(), "users/jane");
}

}  // namespace
}  // namespace embudo::testing
