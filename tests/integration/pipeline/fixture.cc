#include "tests/integration/pipeline/fixture.h"

#include "common/base/ids.h"
#include "common/event/event.h"
#include "common/testing/eventually.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"

namespace embudo::testing {
namespace {

std::unique_ptr<Suite>& SharedSuite() {
  static auto& suite = *new std::unique_ptr<Suite>;
  return suite;
}

/// Ends the suite before the program's own end, when gRPC still is all there.
class SuiteEnvironment : public ::testing::Environment {
  void TearDown() override { SharedSuite() = nullptr; }
};
const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new SuiteEnvironment);

}  // namespace

Suite& PipelineTest::suite() {
  auto& suite = SharedSuite();
  if (suite == nullptr) {
    ServiceUnderTest service{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()};
    service.options["private-push-targets"] = "true";
    suite = std::make_unique<Suite>(std::vector<ServiceUnderTest>{std::move(service)});
  }
  return *suite;
}

PipelineTest::PipelineTest()
    : tenant_(suite().NewTenant()),
      admin_(As(type::v1::ROLE_ADMIN)),
      manager_(As(type::v1::ROLE_MANAGER, "users/manager")),
      rep_(As(type::v1::ROLE_REP, "users/rep")),
      service_(As(type::v1::ROLE_SERVICE, "services/scoring")) {}

std::string PipelineTest::NewRequestId() { return Uuid::V7(Clock::System().Now()).ToString(); }

type::v1::Lead PipelineTest::CreateLead(const std::string& display_name) const {
  pipeline::v1::CreateLeadRequest request;
  request.mutable_lead()->set_display_name(display_name);
  return admin_.Must<type::v1::Lead>(request);
}

type::v1::Lead PipelineTest::GetLead(const std::string& name) const {
  pipeline::v1::GetLeadRequest request;
  request.set_name(name);
  return admin_.Must<type::v1::Lead>(request);
}

std::string PipelineTest::CreateUser(const std::string& id, type::v1::User::Visibility visibility,
                                     bool disabled) const {
  pipeline::v1::CreateUserRequest request;
  request.set_user_id(id);
  request.mutable_user()->set_display_name(id);
  request.mutable_user()->set_visibility(visibility);
  request.mutable_user()->set_disabled(disabled);
  return admin_.Must<type::v1::User>(request).name();
}

type::v1::CustomField PipelineTest::DefineField(const std::string& key, type::v1::CustomField::Type type,
                                                type::v1::CustomField::Target target) const {
  pipeline::v1::CreateCustomFieldRequest request;
  request.mutable_custom_field()->set_key(key);
  request.mutable_custom_field()->set_display_name(key);
  request.mutable_custom_field()->set_type(type);
  request.mutable_custom_field()->set_target(target);
  return admin_.Must<type::v1::CustomField>(request);
}

std::vector<type::v1::Event> PipelineTest::EventsOf(const std::string& tenant) {
  const db::Result rows =
      suite().Query("SELECT data FROM pipeline.event WHERE tenant_id = $1 ORDER BY seq", db::Params::Of(tenant));
  std::vector<type::v1::Event> events(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(event::ParseStored(rows[i].Bytes(0), 0, 0, &events[static_cast<size_t>(i)]));
  }
  return events;
}

void PipelineTest::WaitUntilPositioned() const {
  EXPECT_TRUE(Eventually([this] {
    return suite().Query("SELECT FROM pipeline.event_pending WHERE tenant_id = $1", db::Params::Of(tenant_)).empty();
  }));
}

std::vector<type::v1::Event> PipelineTest::EventsAbout(const std::string& subject) const {
  std::vector<type::v1::Event> events = Events();
  std::erase_if(events, [&](const type::v1::Event& event) { return event.subject() != subject; });
  return events;
}

std::vector<std::string> PipelineTest::TypesOf(const std::vector<type::v1::Event>& events) {
  std::vector<std::string> types;
  for (const auto& event : events) types.push_back(event.type());
  return types;
}

}  // namespace embudo::testing
