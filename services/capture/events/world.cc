#include "services/capture/events/world.h"

#include "common/base/error.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using type::v1::Contact;
using type::v1::Stage;
using v1::ImportMapping;

constexpr int kPageSize = 1000;

class Loader {
 public:
  Loader(rpc::Client& pipeline, const rpc::Identity& identity, const logic::ImportPlan& plan, bool dry_run)
      : pipeline_(pipeline), identity_(identity), plan_(plan), dry_run_(dry_run) {
    for (const logic::PlanColumn& column : plan.columns) needed_.insert(column.target.refers_to);
    switch (plan.mapping.target()) {
      case ImportMapping::TARGET_PRODUCT:
        needed_.insert(logic::kProducts);
        break;
      case ImportMapping::TARGET_USER:
        needed_.insert({logic::kUsers, logic::kTeams, kMembers});
        break;
      default:
        if (plan.mapping.team_of_owner()) needed_.insert(kMembers);
    }
  }

  absl::StatusOr<World> Load() {
    if (plan_.mapping.has_pipeline()) EMBUDO_RETURN_IF_ERROR(LoadPipeline());
    if (Needs(logic::kUsers)) EMBUDO_RETURN_IF_ERROR(LoadUsers());
    if (Needs(logic::kTeams) || Needs(kMembers)) EMBUDO_RETURN_IF_ERROR(LoadTeams());
    if (Needs(logic::kProducts)) EMBUDO_RETURN_IF_ERROR(LoadProducts());
    if (Needs(logic::kTags)) EMBUDO_RETURN_IF_ERROR(LoadTags());
    if (Needs(logic::kLostReasons)) EMBUDO_RETURN_IF_ERROR(LoadLostReasons());
    if (Needs(logic::kCompanies)) EMBUDO_RETURN_IF_ERROR(LoadContacts(logic::kCompanies, "kind = COMPANY"));
    if (Needs(logic::kPeople)) EMBUDO_RETURN_IF_ERROR(LoadContacts(logic::kPeople, "kind = PERSON"));
    return std::move(world_);
  }

 private:
  static constexpr char kMembers[] = "membership";

  bool Needs(const char* kind) const { return needed_.count(kind) != 0; }

  /// Calls `take` with each record of a list, page by page.
  template <class Response, class Request, class Records, class Take>
  absl::Status Each(const char* method, Request request, Records (Response::*records)() const, Take take) {
    request.set_page_size(kPageSize);
    do {
      EMBUDO_ASSIGN_OR_RETURN(const Response response, pipeline_.Call<Response>(method, identity_, request));
      for (const auto& record : (response.*records)()) take(record);
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return absl::OkStatus();
  }

  absl::Status LoadUsers() {
    return Each<api::ListUsersResponse>("embudo.pipeline.v1.TeamService/ListUsers", api::ListUsersRequest(),
                                        &api::ListUsersResponse::users, [this](const type::v1::User& user) {
                                          world_.directory.AddRecord(logic::kUsers, user.name(), user.display_name());
                                          if (!user.email().empty()) {
                                            world_.directory.AddText(logic::kUsers, user.name(), user.email());
                                          }
                                          world_.users[user.name()] = user;
                                        });
  }

  absl::Status LoadTeams() {
    EMBUDO_RETURN_IF_ERROR(
        Each<api::ListTeamsResponse>("embudo.pipeline.v1.TeamService/ListTeams", api::ListTeamsRequest(),
                                     &api::ListTeamsResponse::teams, [this](const type::v1::Team& team) {
                                       world_.directory.AddRecord(logic::kTeams, team.name(), team.display_name());
                                       world_.teams[team.name()] = team;
                                     }));
    if (!Needs(kMembers)) return absl::OkStatus();
    for (const auto& [name, team] : world_.teams) {
      api::ListMembershipsRequest request;
      request.set_parent(name);
      EMBUDO_RETURN_IF_ERROR(Each<api::ListMembershipsResponse>(
          "embudo.pipeline.v1.TeamService/ListMemberships", request, &api::ListMembershipsResponse::memberships,
          [this, team_name = name](const type::v1::Membership& membership) {
            world_.directory.AddMember(membership.user(), team_name);
            world_.members.emplace(team_name, membership.user());
          }));
    }
    return absl::OkStatus();
  }

  absl::Status LoadProducts() {
    return Each<api::ListProductsResponse>(
        "embudo.pipeline.v1.CatalogService/ListProducts", api::ListProductsRequest(),
        &api::ListProductsResponse::products, [this](const type::v1::Product& product) {
          world_.directory.AddRecord(logic::kProducts, product.name(), product.display_name());
          world_.products[product.name()] = product;
        });
  }

  absl::Status LoadTags() {
    return Each<api::ListTagsResponse>(
        "embudo.pipeline.v1.CatalogService/ListTags", api::ListTagsRequest(), &api::ListTagsResponse::tags,
        [this](const type::v1::Tag& tag) { world_.directory.AddRecord(logic::kTags, tag.name(), tag.display_name()); });
  }

  absl::Status LoadLostReasons() {
    return Each<api::ListLostReasonsResponse>(
        "embudo.pipeline.v1.CatalogService/ListLostReasons", api::ListLostReasonsRequest(),
        &api::ListLostReasonsResponse::lost_reasons, [this](const type::v1::LostReason& reason) {
          world_.directory.AddRecord(logic::kLostReasons, reason.name(), reason.display_name());
        });
  }

  absl::Status LoadContacts(const char* kind, const char* filter) {
    api::ListContactsRequest request;
    request.set_filter(filter);
    return Each<api::ListContactsResponse>("embudo.pipeline.v1.ContactService/ListContacts", request,
                                           &api::ListContactsResponse::contacts, [&](const Contact& contact) {
                                             world_.directory.AddRecord(kind, contact.name(), contact.display_name());
                                             for (const auto& id : contact.external_ids()) {
                                               world_.directory.AddExternalId(kind, contact.name(), id.system(),
                                                                              id.id());
                                             }
                                           });
  }

  absl::Status LoadPipeline() {
    const v1::ImportPipeline& wanted = plan_.mapping.pipeline();
    const std::string name = "pipelines/" + wanted.id();
    EMBUDO_ASSIGN_OR_RETURN(const bool there, HavePipeline(name));
    std::set<std::string> stages;
    if (there) {
      api::ListStagesRequest request;
      request.set_parent(name);
      EMBUDO_RETURN_IF_ERROR(Each<api::ListStagesResponse>("embudo.pipeline.v1.PipelineService/ListStages", request,
                                                           &api::ListStagesResponse::stages, [&](const Stage& stage) {
                                                             stages.insert(stage.name());
                                                             AddStage(stage);
                                                           }));
    }
    for (int i = 0; i < wanted.stages_size(); ++i) {
      Stage stage;
      stage.set_name(name + "/stages/" + wanted.stages(i).id());
      stage.set_display_name(wanted.stages(i).display_name());
      stage.set_is_won(wanted.stages(i).is_won());
      stage.set_sequence((i + 1) * 10);
      if (stages.count(stage.name()) != 0) continue;
      if (dry_run_) {
        world_.pipeline_exists = false;
      } else {
        api::CreateStageRequest request;
        request.set_parent(name);
        request.set_stage_id(wanted.stages(i).id());
        *request.mutable_stage() = stage;
        EMBUDO_RETURN_IF_ERROR(Create<Stage>("embudo.pipeline.v1.PipelineService/CreateStage", request));
      }
      AddStage(stage);
    }
    return absl::OkStatus();
  }

  void AddStage(const Stage& stage) {
    world_.directory.AddStage(stage.name().substr(stage.name().rfind('/') + 1), stage.display_name(),
                              {stage.name(), stage.is_won()});
  }

  /// Whether the pipeline is there, now that it was created where it may be.
  absl::StatusOr<bool> HavePipeline(const std::string& name) {
    const v1::ImportPipeline& wanted = plan_.mapping.pipeline();
    api::GetPipelineRequest get;
    get.set_name(name);
    const auto found =
        pipeline_.Call<type::v1::Pipeline>("embudo.pipeline.v1.PipelineService/GetPipeline", identity_, get);
    const bool deleted = found.ok() && found->has_delete_time();
    if (found.ok() && !deleted) return true;
    if (!found.ok() && found.status().code() != absl::StatusCode::kNotFound) return found.status();
    if (deleted || wanted.stages_size() == 0) {
      return InvalidField("mapping.pipeline.id",
                          "there is no " + name + ", and the mapping has no stages to create it");
    }
    if (dry_run_) return false;
    api::CreatePipelineRequest create;
    create.set_pipeline_id(wanted.id());
    create.mutable_pipeline()->set_display_name(wanted.display_name().empty() ? wanted.id() : wanted.display_name());
    EMBUDO_RETURN_IF_ERROR(Create<type::v1::Pipeline>("embudo.pipeline.v1.PipelineService/CreatePipeline", create));
    return true;
  }

  /// Another import may make the same at the same time.
  template <class Record>
  absl::Status Create(const char* method, const google::protobuf::Message& request) {
    const absl::Status status = pipeline_.Call<Record>(method, identity_, request).status();
    return status.code() == absl::StatusCode::kAlreadyExists ? absl::OkStatus() : status;
  }

  rpc::Client& pipeline_;
  const rpc::Identity& identity_;
  const logic::ImportPlan& plan_;
  const bool dry_run_;
  std::set<std::string> needed_;
  World world_;
};

}  // namespace

absl::StatusOr<logic::TenantDefaults> LoadDefaults(rpc::Client& pipeline, const rpc::Identity& identity) {
  api::GetTenantRequest request;
  request.set_name("tenants/" + identity.tenant);
  EMBUDO_ASSIGN_OR_RETURN(
      const type::v1::Tenant tenant,
      pipeline.Call<type::v1::Tenant>("embudo.pipeline.v1.TenantService/GetTenant", identity, request));
  return logic::TenantDefaults{tenant.currency_code(), tenant.time_zone(), tenant.region_code()};
}

absl::StatusOr<World> LoadWorld(rpc::Client& pipeline, const rpc::Identity& identity, const logic::ImportPlan& plan,
                                bool dry_run) {
  return Loader(pipeline, identity, plan, dry_run).Load();
}

}  // namespace embudo::capture::events
