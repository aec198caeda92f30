#include "services/capture/events/record_writer.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/message.pb.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using logic::MappedRow;
using logic::Outcome;
using type::v1::Contact;
using type::v1::Lead;
using v1::ImportMapping;

constexpr char kUpsert[] = "embudo.pipeline.v1.ImportedRecordService/UpsertImportedRecords";
/// A batch of 1,000 leads takes a fraction of a second; a busy service may need longer.
constexpr std::chrono::seconds kBulkTimeout{60};

bool IsLead(const logic::ImportPlan& plan) { return plan.record == Lead::descriptor(); }
/// Whether the rows become records that the pipeline service journals.
bool IsJournalled(const logic::ImportPlan& plan) {
  return plan.mapping.target() != ImportMapping::TARGET_PRODUCT && plan.mapping.target() != ImportMapping::TARGET_USER;
}
bool NeedsPipeline(const logic::ImportPlan& plan) {
  return IsLead(plan) || plan.mapping.target() == ImportMapping::TARGET_STAGE_HISTORY;
}

/// Whether every field that is set in `part` is the same in `whole`.
bool Contains(const Message& whole, const Message& part) {
  std::vector<const FieldDescriptor*> fields;
  part.GetReflection()->ListFields(part, &fields);
  google::protobuf::util::MessageDifferencer differencer;
  return differencer.CompareWithFields(whole, part, fields, fields);
}

void FieldsSet(const Message& record, google::protobuf::FieldMask* mask) {
  std::vector<const FieldDescriptor*> fields;
  record.GetReflection()->ListFields(record, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->name() != "name") mask->add_paths(field->name());
  }
}

/// Puts the roles that the user has already before the new ones.
void AddRoles(const google::protobuf::RepeatedField<int>& already, type::v1::User* user) {
  google::protobuf::RepeatedField<int> roles = already;
  for (const int role : user->roles()) {
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.Add(role);
  }
  user->mutable_roles()->Swap(&roles);
}

/// The header of the column that fills a field, from a path such as `items[3].lead.email`; empty if none does.
std::string ColumnOf(const logic::ImportPlan& plan, const google::rpc::Status& status) {
  google::rpc::BadRequest bad_request;
  for (const auto& detail : status.details()) {
    if (detail.UnpackTo(&bad_request)) break;
  }
  for (const auto& violation : bad_request.field_violations()) {
    const std::string& path = violation.field();
    for (const logic::PlanColumn& column : plan.columns) {
      const std::string& field = column.spec.field();
      const bool ends =
          path.size() >= field.size() && path.compare(path.size() - field.size(), field.size(), field) == 0;
      if (ends && (path.size() == field.size() || path[path.size() - field.size() - 1] == '.')) return column.header;
    }
  }
  return "";
}

/// The code that imports have for an error of the pipeline service.
std::string CodeOf(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  if (status.code() == absl::StatusCode::kAlreadyExists) return "DUPLICATE_UNIQUE_PROPERTY_VALUE";
  return reason.empty() ? "REFUSED" : reason;
}

logic::Issue IssueOf(const logic::ImportPlan& plan, const absl::Status& status) {
  return {CodeOf(status), ColumnOf(plan, ToRpcStatus(status)), MessageOf(status)};
}

type::v1::ExternalId ExternalIdOf(const logic::ImportPlan& plan, const std::string& id) {
  type::v1::ExternalId external_id;
  external_id.set_system(plan.mapping.system());
  external_id.set_id(id);
  return external_id;
}

/// What an activity or a note has beside itself.
template <class Item>
void Describe(const logic::ImportPlan& plan, const MappedRow& row, Item* item) {
  *item->mutable_id() = ExternalIdOf(plan, row.id);
  for (const std::string& id : row.about) *item->add_about() = ExternalIdOf(plan, id);
}

void AddItem(const logic::ImportPlan& plan, const MappedRow& row, api::UpsertImportedRecordsRequest* request) {
  switch (plan.mapping.target()) {
    case ImportMapping::TARGET_LEAD:
    case ImportMapping::TARGET_OPPORTUNITY: {
      auto* item = request->add_leads();
      *item->mutable_lead() = static_cast<const Lead&>(*row.record);
      item->set_fill_only(!row.same_as.empty());
      item->set_deleted(row.deleted && row.same_as.empty());
      for (const auto& [stage, time] : row.stays) {
        auto* stay = item->add_stays();
        stay->set_stage(stage);
        *stay->mutable_enter_time() = ToTimestamp(time);
      }
      return;
    }
    case ImportMapping::TARGET_COMPANY:
    case ImportMapping::TARGET_CONTACT: {
      auto* item = request->add_contacts();
      *item->mutable_contact() = static_cast<const Contact&>(*row.record);
      item->set_fill_only(!row.same_as.empty());
      item->set_deleted(row.deleted && row.same_as.empty());
      return;
    }
    case ImportMapping::TARGET_ACTIVITY: {
      auto* item = request->add_activities();
      Describe(plan, row, item);
      *item->mutable_activity() = static_cast<const type::v1::Activity&>(*row.record);
      return;
    }
    case ImportMapping::TARGET_NOTE: {
      auto* item = request->add_messages();
      Describe(plan, row, item);
      *item->mutable_message() = static_cast<const type::v1::Message&>(*row.record);
      return;
    }
    default: {
      auto* stay = request->add_stays();
      *stay = static_cast<const api::ImportedStay&>(*row.record);
      *stay->mutable_lead() = ExternalIdOf(plan, row.about.front());
    }
  }
}

}  // namespace

bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

bool IsClosed(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return reason == "TENANT_SUSPENDED" || reason == "TENANT_DELETED";
}

bool IsFatal(const absl::Status& status) {
  if (IsClosed(status)) return true;
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

absl::Status RecordWriter::CreateMissing(Batch& batch) {
  for (MappedRow& row : batch.rows) {
    for (const logic::NewRecord& record : row.new_records) {
      if (!row.errors.empty() || world_.directory.Has(record.name)) continue;
      // In a dry run it is as good as there, so that later rows do not report it again.
      const absl::Status status = dry_run_ ? absl::OkStatus() : Create(record);
      if (MayPass(status) || IsFatal(status)) return status;
      if (status.ok()) {
        world_.directory.AddRecord(record.kind, record.name, record.display_name);
      } else {
        row.errors.push_back(IssueOf(plan_, status));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RecordWriter::Create(const logic::NewRecord& record) {
  const auto upsert = [&](const char* method, auto made, auto mutable_record) {
    made.set_name(record.name);
    made.set_display_name(record.display_name);
    std::map<std::string, decltype(made)> unknown;
    return Upsert(method, made, mutable_record, &unknown).status();
  };
  if (record.kind == logic::kProducts) {
    return upsert("embudo.pipeline.v1.CatalogService/UpdateProduct", type::v1::Product(),
                  &api::UpdateProductRequest::mutable_product);
  }
  if (record.kind == logic::kTags) {
    return upsert("embudo.pipeline.v1.CatalogService/UpdateTag", type::v1::Tag(), &api::UpdateTagRequest::mutable_tag);
  }
  return upsert("embudo.pipeline.v1.CatalogService/UpdateLostReason", type::v1::LostReason(),
                &api::UpdateLostReasonRequest::mutable_lost_reason);
}

api::UpsertImportedRecordsRequest RecordWriter::RequestOf(const Batch& batch, size_t first, size_t count) const {
  api::UpsertImportedRecordsRequest request;
  request.set_import(options_.import);
  request.set_origin(options_.run_automations ? type::v1::ORIGIN_CAPTURE : type::v1::ORIGIN_IMPORT);
  request.set_validate_only(dry_run_);
  // The numbers of the two enums are the same.
  for (const int key : options_.match_by) request.add_match_by(static_cast<api::MatchKey>(key));
  for (size_t i = first; i < first + count; ++i) AddItem(plan_, batch.rows[batch.sent[i]], &request);
  return request;
}

bool RecordWriter::Start(Batch& batch, std::function<void()> done) {
  batch.outcomes.assign(batch.rows.size(), std::nullopt);
  batch.names.assign(batch.rows.size(), "");
  batch.matched.assign(batch.rows.size(), false);
  batch.sent.clear();
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.rows[i].errors.empty() && !batch.rows[i].passed_over) batch.sent.push_back(i);
  }
  batch.request.reset();
  if (!IsJournalled(plan_) || (NeedsPipeline(plan_) && !world_.pipeline_exists) || batch.sent.empty()) return false;
  batch.request = std::make_unique<api::UpsertImportedRecordsRequest>(RequestOf(batch, 0, batch.sent.size()));
  batch.response = std::make_unique<api::UpsertImportedRecordsResponse>();
  pipeline_.CallAsync(
      kUpsert, identity_, *batch.request, batch.response.get(),
      [&batch, done = std::move(done)](absl::Status status) {
        batch.status = std::move(status);
        done();
      },
      kBulkTimeout);
  return true;
}

absl::Status RecordWriter::Finish(Batch& batch) {
  if (batch.request != nullptr) return FinishBulk(batch);
  for (const size_t i : batch.sent) {
    MappedRow& row = batch.rows[i];
    absl::StatusOr<Outcome> outcome = Outcome::kCreated;  // leads of a dry run whose pipeline is not there yet
    if (plan_.mapping.target() == ImportMapping::TARGET_PRODUCT) outcome = WriteProduct(row);
    if (plan_.mapping.target() == ImportMapping::TARGET_USER) outcome = WriteUser(row);
    if (outcome.ok()) {
      batch.outcomes[i] = *outcome;
    } else if (MayPass(outcome.status()) || IsFatal(outcome.status())) {
      return outcome.status();
    } else {
      row.errors.push_back(IssueOf(plan_, outcome.status()));
    }
  }
  return absl::OkStatus();
}

absl::Status RecordWriter::FinishBulk(Batch& batch) {
  if (MayPass(batch.status) || IsFatal(batch.status)) return batch.status;
  // Refused as a whole: some row has what the service's contract forbids. Find it.
  if (!batch.status.ok()) return SendAlone(batch, 0, batch.sent.size());
  const auto& response = static_cast<const api::UpsertImportedRecordsResponse&>(*batch.response);
  if (static_cast<size_t>(response.results_size()) != batch.sent.size()) {
    return Internal("upsert of imported records: results do not match");
  }
  for (size_t i = 0; i < batch.sent.size(); ++i) {
    Take(batch, i, response.results(static_cast<int>(i)), response.matched(static_cast<int>(i)));
  }
  return absl::OkStatus();
}

void RecordWriter::Take(Batch& batch, size_t index, const api::BulkResult& result, bool matched) {
  const size_t row = batch.sent[index];
  batch.names[row] = result.name();
  batch.matched[row] = matched;
  switch (result.outcome()) {
    case api::BulkResult::OUTCOME_CREATED:
      batch.outcomes[row] = Outcome::kCreated;
      break;
    case api::BulkResult::OUTCOME_UPDATED:
      batch.outcomes[row] = Outcome::kUpdated;
      break;
    case api::BulkResult::OUTCOME_UNCHANGED:
      batch.outcomes[row] = Outcome::kUnchanged;
      break;
    default:
      batch.rows[row].errors.push_back(IssueOf(plan_, FromRpcStatus(result.error())));
  }
}

/// Sends a part of a batch again, halving it until the rows that are at fault stand alone.
absl::Status RecordWriter::SendAlone(Batch& batch, size_t first, size_t count) {
  api::UpsertImportedRecordsResponse answer;
  const absl::Status status = pipeline_.Call(kUpsert, identity_, RequestOf(batch, first, count), &answer, kBulkTimeout);
  if (MayPass(status) || IsFatal(status)) return status;
  if (status.ok() && static_cast<size_t>(answer.results_size()) == count) {
    for (size_t i = 0; i < count; ++i) {
      Take(batch, first + i, answer.results(static_cast<int>(i)), answer.matched(static_cast<int>(i)));
    }
    return absl::OkStatus();
  }
  if (count == 1) {
    batch.rows[batch.sent[first]].errors.push_back(IssueOf(plan_, status));
    return absl::OkStatus();
  }
  EMBUDO_RETURN_IF_ERROR(SendAlone(batch, first, count / 2));
  return SendAlone(batch, first + count / 2, count - count / 2);
}

template <class Record, class Request>
absl::StatusOr<Outcome> RecordWriter::Upsert(const char* method, const Record& record,
                                             Record* (Request::*mutable_record)(),
                                             std::map<std::string, Record>* known) {
  const auto before = known->find(record.name());
  const bool there = before != known->end();
  if (there && Contains(before->second, record)) return Outcome::kUnchanged;
  if (dry_run_) {
    if (!there) known->emplace(record.name(), record);
    return there ? Outcome::kUpdated : Outcome::kCreated;
  }
  Request request;
  *(request.*mutable_record)() = record;
  request.set_allow_missing(true);
  FieldsSet(record, request.mutable_update_mask());
  EMBUDO_ASSIGN_OR_RETURN(const Record after, pipeline_.Call<Record>(method, identity_, request));
  (*known)[record.name()] = after;
  return there ? Outcome::kUpdated : Outcome::kCreated;
}

absl::StatusOr<Outcome> RecordWriter::WriteProduct(const MappedRow& row) {
  return Upsert("embudo.pipeline.v1.CatalogService/UpdateProduct", static_cast<const type::v1::Product&>(*row.record),
                &api::UpdateProductRequest::mutable_product, &world_.products);
}

absl::StatusOr<Outcome> RecordWriter::WriteUser(const MappedRow& row) {
  type::v1::User user = static_cast<const type::v1::User&>(*row.record);
  const auto known = world_.users.find(user.name());
  if (known != world_.users.end()) AddRoles(known->second.roles(), &user);  // an import takes no role away
  EMBUDO_ASSIGN_OR_RETURN(const Outcome outcome, Upsert("embudo.pipeline.v1.TeamService/UpdateUser", user,
                                                        &api::UpdateUserRequest::mutable_user, &world_.users));
  const logic::RowTeam& team = row.team;
  if (team.name.empty()) return outcome;
  EMBUDO_RETURN_IF_ERROR(WriteTeam(team));
  if (!world_.members.emplace(team.name, user.name()).second || dry_run_) return outcome;
  api::CreateMembershipRequest request;
  request.set_parent(team.name);
  request.set_membership_id(user.name().substr(user.name().find('/') + 1));
  request.mutable_membership()->set_user(user.name());
  const absl::Status status =
      pipeline_.Call<type::v1::Membership>("embudo.pipeline.v1.TeamService/CreateMembership", identity_, request)
          .status();
  if (!status.ok() && status.code() != absl::StatusCode::kAlreadyExists) {
    world_.members.erase({team.name, user.name()});
    return status;
  }
  return outcome;
}

absl::Status RecordWriter::WriteTeam(const logic::RowTeam& row) {
  type::v1::Team team;
  team.set_name(row.name);
  team.set_display_name(row.display_name);
  team.set_office(row.office);
  if (plan_.mapping.has_pipeline()) team.set_pipeline("pipelines/" + plan_.mapping.pipeline().id());
  const std::string slug = SlugOf(row.manager);
  if (!slug.empty()) {
    type::v1::User manager;
    manager.set_name("users/" + slug);
    manager.set_display_name(row.manager);
    manager.add_roles(type::v1::ROLE_MANAGER);
    const auto known = world_.users.find(manager.name());
    if (known != world_.users.end()) AddRoles(known->second.roles(), &manager);
    EMBUDO_RETURN_IF_ERROR(Upsert("embudo.pipeline.v1.TeamService/UpdateUser", manager,
                                  &api::UpdateUserRequest::mutable_user, &world_.users)
                               .status());
    team.set_manager(manager.name());
  }
  return Upsert("embudo.pipeline.v1.TeamService/UpdateTeam", team, &api::UpdateTeamRequest::mutable_team, &world_.teams)
      .status();
}

}  // namespace embudo::capture::events
