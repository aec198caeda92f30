#include "services/capture/logic/row_mapper.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/text/unicode.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/user.pb.h"

namespace embudo::capture::logic {
namespace {

using type::v1::Contact;
using type::v1::Lead;
using type::v1::User;
using v1::ImportColumn;
using v1::ImportMapping;

constexpr size_t kMaxExternalId = 255;

std::string Trimmed(const std::string& text) {
  constexpr char kSpaces[] = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::string CellOf(const text::CsvRow& row, std::optional<size_t> cell) {
  return cell && *cell < row.cells.size() ? Trimmed(row.cells[*cell]) : "";
}

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (std::string part = Trimmed(text.substr(begin, end - begin)); !part.empty()) parts.push_back(std::move(part));
    begin = end + separator.size();
  }
  return parts;
}

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

std::string CollectionOf(const std::string& kind) {
  if (kind == kProducts) return "products/";
  return kind == kTags ? "tags/" : "lostReasons/";
}

/// What a lead is called whose file has no title: company and products, else the person, else the id.
std::string TitleOf(const Lead& lead, const Directory& directory, const std::string& id) {
  std::string title = !lead.company_name().empty() ? lead.company_name() : lead.contact_name();
  if (title.empty()) title = directory.DisplayNameOf(lead.company());
  for (const std::string& product : lead.products()) {
    const std::string name = directory.DisplayNameOf(product);
    title += (title.empty() ? "" : " – ") + (name.empty() ? product.substr(product.find('/') + 1) : name);
  }
  if (title.empty()) title = lead.email();
  return title.empty() ? id : title;
}

bool IsName(const Target& target) {
  return target.field != nullptr && (target.field->name() == "display_name" || target.field->name() == "contact_name");
}

std::string FirstLine(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  return line.size() <= 400 ? line : text::FoldWhitespace(line.substr(0, line.rfind(' ', 400)));
}

google::type::Date DateOf(const google::protobuf::Timestamp& time) {
  return ToDate(std::chrono::floor<std::chrono::days>(FromTimestamp(time)));
}

}  // namespace

MappedRow RowMapper::Map(text::CsvRow row) const {
  MappedRow mapped;
  mapped.row = std::move(row);
  CheckShape(mapped);
  CheckMeant(mapped);
  if (mapped.passed_over) return mapped;
  mapped.id = IdAs(plan_.mapping.id_format(), CellOf(mapped.row, plan_.id_cell));
  if (mapped.id.empty()) {
    mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", plan_.headers[plan_.id_cell], "the row has no id"});
  } else if (mapped.id.size() > kMaxExternalId) {
    mapped.errors.push_back({"TEXT_TOO_LONG", plan_.headers[plan_.id_cell], "the id has more than 255 bytes"});
  }
  if (!mapped.errors.empty()) return mapped;

  mapped.record.reset(google::protobuf::MessageFactory::generated_factory()->GetPrototype(plan_.record)->New());
  ReadRelations(mapped);
  for (const PlanColumn& column : plan_.columns) Fill(column, mapped);
  switch (plan_.mapping.target()) {
    case ImportMapping::TARGET_LEAD:
    case ImportMapping::TARGET_OPPORTUNITY:
      FinishLead(mapped);
      break;
    case ImportMapping::TARGET_COMPANY:
    case ImportMapping::TARGET_CONTACT:
      FinishContact(mapped);
      break;
    case ImportMapping::TARGET_PRODUCT:
      FinishNamed(mapped, "products/");
      break;
    case ImportMapping::TARGET_ACTIVITY:
      FinishActivity(mapped);
      break;
    case ImportMapping::TARGET_NOTE:
      FinishNote(mapped);
      break;
    case ImportMapping::TARGET_STAGE_HISTORY:
      FinishStay(mapped);
      break;
    default:
      FinishUser(mapped);
  }
  if (!mapped.errors.empty()) mapped.record.reset();
  return mapped;
}

void RowMapper::CheckShape(MappedRow& mapped) const {
  const auto refuse = [&mapped](const char* code, const char* message) {
    mapped.errors.push_back({code, "", message});
  };
  switch (mapped.row.problem) {
    case text::CsvProblem::kNone:
      return;
    case text::CsvProblem::kTooFewCells:
      mapped.warnings.push_back({"TOO_FEW_CELLS", "", "the row has fewer cells than the header; the rest are empty"});
      return;
    case text::CsvProblem::kTooManyCells:
      return refuse("TOO_MANY_CELLS", "the row has more cells than the header");
    case text::CsvProblem::kTooManyColumns:
      return refuse("TOO_MANY_CELLS", "the row has more than 500 cells");
    case text::CsvProblem::kTooLong:
      return refuse("ROW_TOO_LONG", "the row is longer than 4 MiB");
    case text::CsvProblem::kUnclosedQuote:
      return refuse("UNCLOSED_QUOTE", "the file ends inside the row's quotes");
    case text::CsvProblem::kNul: {
      const size_t cell = mapped.row.problem_cell;
      mapped.errors.push_back({"NUL_CHARACTER", cell < plan_.headers.size() ? plan_.headers[cell] : "",
                               "the cell has a NUL character, which no text has"});
      return;
    }
  }
}

void RowMapper::CheckMeant(MappedRow& mapped) const {
  if (!plan_.rows_cell || !mapped.errors.empty()) return;
  const std::string text = CellOf(mapped.row, plan_.rows_cell);
  mapped.passed_over = !plan_.rows_values.contains(NameKey(text));
  if (!mapped.passed_over) return;
  mapped.warnings.push_back(
      {"ROW_PASSED_OVER", plan_.headers[*plan_.rows_cell], "the mapping does not mean rows of " + Quoted(text)});
}

/// The text that fills a column's field: the cell, or the constant, with aliases replaced.
std::string RowMapper::TextFor(const PlanColumn& column, MappedRow& mapped) const {
  std::string text = CellOf(mapped.row, column.cell);
  if (text.empty()) {
    if (column.cell && column.spec.required()) {
      mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", column.header, "the cell is empty, and is required"});
    } else if (column.cell && column.spec.warn_if_empty()) {
      mapped.warnings.push_back({"EMPTY_CELL", column.header, "the cell is empty"});
    }
    return column.spec.constant();
  }
  const auto alias = column.values.find(NameKey(text));
  if (alias == column.values.end()) return text;
  mapped.warnings.push_back({"ALIAS_USED", column.header, Quoted(text) + " taken as " + Quoted(alias->second)});
  return alias->second;
}

void RowMapper::Fill(const PlanColumn& column, MappedRow& mapped) const {
  if (column.link && !links_) return;
  const std::string text = TextFor(column, mapped);
  if (text.empty()) return;
  if (column.link) mapped.has_link = true;
  if (!column.target.entered_stage.empty()) return FillEntered(column, text, mapped);
  // What has been converted elsewhere is here a part of the opportunity that it became.
  const bool converted = NameKey(text) == "converted" && column.target.field->name() == "lead_status";
  if (converted && mapped.same_as.empty()) {
    mapped.warnings.push_back({"CONVERTED_WITHOUT_OPPORTUNITY", column.header,
                               "it was converted, and the file does not tell to what; taken as being worked on"});
    static_cast<Lead&>(*mapped.record).set_lead_status(Lead::LEAD_STATUS_WORKING);
  }
  if (converted) return;
  if (!column.target.refers_to.empty() && !column.target.field->is_repeated() && text.find(';') != std::string::npos) {
    return FillFirstReference(column, text, mapped);
  }
  if (IsName(column.target)) return AddName(column, text, mapped);
  const std::string currency = CurrencyFor(column, mapped);
  const bool repeated = column.target.field->is_repeated() && !column.target.field->is_map();
  const std::string separator = column.spec.separator().empty() ? ";" : column.spec.separator();
  for (const std::string& part : repeated ? Split(text, separator) : std::vector<std::string>{text}) {
    if (!column.target.refers_to.empty()) {
      FillReference(column, part, mapped);
      continue;
    }
    const absl::Status status = SetField(column.target, part, plan_.locale, mapped.record.get(), currency);
    if (status.ok()) continue;
    Issue issue{ReasonOf(status), column.header, MessageOf(status)};
    (column.spec.skip_invalid() ? mapped.warnings : mapped.errors).push_back(std::move(issue));
  }
}

/// A field for one record, and a cell that names several: the first that is there.
void RowMapper::FillFirstReference(const PlanColumn& column, const std::string& text, MappedRow& mapped) const {
  const std::vector<std::string> parts = Split(text, ";");
  for (const std::string& part : parts) {
    const std::string id = IdAs(plan_.mapping.id_format(), part);
    if (directory_.Find(column.target.refers_to, id, plan_.mapping.system()).name.empty()) continue;
    if (parts.size() > 1) {
      mapped.warnings.push_back({"SEVERAL_ASSOCIATIONS", column.header, "of " + Quoted(text) + " " + part + " taken"});
    }
    return FillReference(column, part, mapped);
  }
  FillReference(column, parts.empty() ? text : parts.front(), mapped);
}

/// Several columns that fill a name are its parts, in the order of the mapping.
void RowMapper::AddName(const PlanColumn& column, const std::string& text, MappedRow& mapped) const {
  const auto* reflection = mapped.record->GetReflection();
  const std::string before = reflection->GetString(*mapped.record, column.target.field);
  const absl::Status status =
      SetField(column.target, before.empty() ? text : before + " " + text, plan_.locale, mapped.record.get());
  if (!status.ok()) mapped.errors.push_back({ReasonOf(status), column.header, MessageOf(status)});
}

void RowMapper::FillReference(const PlanColumn& column, const std::string& text, MappedRow& mapped) const {
  const std::string& kind = column.target.refers_to;
  const Directory::Found found = directory_.Find(kind, IdAs(plan_.mapping.id_format(), text), plan_.mapping.system());
  if (!found.name.empty()) {
    if (found.ambiguous) {
      mapped.warnings.push_back(
          {"RECORD_AMBIGUOUS", column.header,
           "more than one " + kind + " is called " + Quoted(text) + "; " + found.name + " taken"});
    }
    SetReference(column.target, found.name, mapped.record.get());
    return;
  }
  const std::string slug = SlugOf(text);
  if (column.spec.missing() == ImportColumn::MISSING_CREATE && !slug.empty()) {
    const std::string name = CollectionOf(kind) + slug;
    mapped.warnings.push_back({"RECORD_CREATED", column.header, "there was no " + kind + " " + Quoted(text)});
    mapped.new_records.push_back({kind, name, text::FoldWhitespace(text)});
    SetReference(column.target, name, mapped.record.get());
    return;
  }
  Issue issue{kind == kUsers ? "COULD_NOT_FIND_OWNER" : "ASSOCIATION_NOT_FOUND", column.header,
              "there is no " + kind + " " + Quoted(text)};
  const bool refuse = column.spec.missing() == ImportColumn::MISSING_REFUSE;
  (refuse ? mapped.errors : mapped.warnings).push_back(std::move(issue));
}

/// The id of the record that the row is, and what it is about, a part of, or no more.
void RowMapper::ReadRelations(MappedRow& mapped) const {
  const auto format = plan_.mapping.id_format();
  for (const size_t cell : plan_.about_cells) {
    for (const std::string& id : Split(CellOf(mapped.row, cell), ";")) mapped.about.push_back(IdAs(format, id));
  }
  if (!plan_.about_cells.empty() && mapped.about.empty()) {
    mapped.errors.push_back(
        {"MISSING_REQUIRED_PROPERTY", plan_.headers[plan_.about_cells[0]], "the row does not tell what it is about"});
  }
  for (const size_t cell : plan_.same_as_cells) {
    if (mapped.same_as.empty()) mapped.same_as = IdAs(format, CellOf(mapped.row, cell));
  }
  if (mapped.same_as == mapped.id) mapped.same_as.clear();
  mapped.deleted = Flag(mapped, plan_.deleted_cell);
}

bool RowMapper::Flag(MappedRow& mapped, std::optional<size_t> cell) const {
  const std::string text = CellOf(mapped.row, cell);
  if (text.empty()) return false;
  const absl::StatusOr<bool> flag = ReadBool(text);
  if (!flag.ok()) mapped.errors.push_back({ReasonOf(flag.status()), plan_.headers[*cell], MessageOf(flag.status())});
  return flag.ok() && *flag;
}

/// The ids of the record that it is a part of, and its own.
void RowMapper::AddExternalIds(MappedRow& mapped, google::protobuf::Message& record) const {
  const auto* field = record.GetDescriptor()->FindFieldByName("external_ids");
  for (const std::string& id : {mapped.same_as, mapped.id}) {
    if (id.empty()) continue;
    auto& added = static_cast<type::v1::ExternalId&>(*record.GetReflection()->AddMessage(&record, field));
    added.set_system(plan_.mapping.system());
    added.set_id(id);
  }
}

std::string RowMapper::CurrencyFor(const PlanColumn& column, const MappedRow& mapped) const {
  std::string code = CellOf(mapped.row, column.currency_cell);
  for (char& c : code) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return code.size() == 3 ? code : "";
}

void RowMapper::FillEntered(const PlanColumn& column, const std::string& text, MappedRow& mapped) const {
  const StageEntry* stage = directory_.FindStage(column.target.entered_stage);
  const absl::StatusOr<Time> time = ReadTime(text, plan_.locale);
  if (!time.ok()) {
    Issue issue{ReasonOf(time.status()), column.header, MessageOf(time.status())};
    (column.spec.skip_invalid() ? mapped.warnings : mapped.errors).push_back(std::move(issue));
  } else if (stage == nullptr) {
    mapped.errors.push_back(
        {"UNKNOWN_STAGE", column.header, "no stage is called " + Quoted(column.target.entered_stage)});
  } else {
    mapped.stays.emplace_back(stage->name, *time);
  }
}

/// The stage that the row names; nullptr, with an error, if none.
const StageEntry* RowMapper::StageOf(MappedRow& mapped, StageMeaning* meaning) const {
  const std::string& header = plan_.headers[*plan_.stage_cell];
  const std::string text = CellOf(mapped.row, plan_.stage_cell);
  if (text.empty()) {
    mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", header, "the row has no stage"});
    return nullptr;
  }
  const auto at = plan_.stages.find(NameKey(text));
  if (at != plan_.stages.end()) *meaning = at->second;
  const StageEntry* stage = directory_.FindStage(at == plan_.stages.end() ? text : at->second.stage);
  if (stage == nullptr && meaning->state == Lead::STATE_LOST) {
    stage = directory_.FindStage(plan_.mapping.pipeline().lost_stage());
  }
  if (stage == nullptr) {
    mapped.errors.push_back({"UNKNOWN_STAGE", header, "no stage is called " + Quoted(text)});
  } else if (stage->ambiguous) {
    mapped.errors.push_back({"AMBIGUOUS_ENUMERATION_OPTION", header, "more than one stage is called " + Quoted(text)});
    stage = nullptr;
  }
  return stage;
}

/// Whether it is won or lost by what the file tells of that; unspecified if it tells nothing.
Lead::State RowMapper::StateByFlags(MappedRow& mapped) const {
  const std::string word = NameKey(CellOf(mapped.row, plan_.won_cell));
  if (word == "won") return Lead::STATE_WON;
  if (word == "lost") return Lead::STATE_LOST;
  if (word == "open") return Lead::STATE_OPEN;
  if (plan_.won_cell || plan_.closed_cell) {
    if (Flag(mapped, plan_.won_cell)) return Lead::STATE_WON;
    if (!plan_.closed_cell) return Lead::STATE_UNSPECIFIED;
    return Flag(mapped, plan_.closed_cell) && plan_.won_cell ? Lead::STATE_LOST : Lead::STATE_OPEN;
  }
  const std::string text = CellOf(mapped.row, plan_.probability_cell);
  if (text.empty()) return Lead::STATE_UNSPECIFIED;
  Target probability;
  probability.field = Lead::descriptor()->FindFieldByName("probability");
  Lead lead;
  if (!SetField(probability, text, plan_.locale, &lead).ok()) return Lead::STATE_UNSPECIFIED;
  if (lead.probability() == 0) return Lead::STATE_LOST;
  return lead.probability() == 100 || (lead.probability() == 1 && text.back() != '%') ? Lead::STATE_WON
                                                                                      : Lead::STATE_OPEN;
}

void RowMapper::SetStage(MappedRow& mapped) const {
  auto& lead = static_cast<Lead&>(*mapped.record);
  StageMeaning meaning;
  // What the file tells of won and lost counts more than what a text seems to mean.
  const Lead::State state = StateByFlags(mapped);
  if (state == Lead::STATE_LOST) meaning.state = state;
  const StageEntry* stage = StageOf(mapped, &meaning);
  if (stage == nullptr) return;
  if (state == Lead::STATE_LOST && stage->is_won) {
    const StageEntry* lost = directory_.FindStage(plan_.mapping.pipeline().lost_stage());
    if (lost != nullptr) stage = lost;
  }
  lead.set_stage(stage->name);
  lead.set_state(stage->is_won ? Lead::STATE_WON : Lead::STATE_OPEN);
  if (meaning.state != Lead::STATE_UNSPECIFIED) lead.set_state(meaning.state);
  if (state != Lead::STATE_UNSPECIFIED) lead.set_state(state);
}

void RowMapper::FinishActivity(MappedRow& mapped) const {
  auto& activity = static_cast<type::v1::Activity&>(*mapped.record);
  if (activity.state() == type::v1::Activity::STATE_UNSPECIFIED) {
    const bool done = activity.has_done_time() || Flag(mapped, plan_.closed_cell);
    activity.set_state(done ? type::v1::Activity::STATE_DONE : type::v1::Activity::STATE_PLANNED);
  }
  if (activity.summary().empty())
    activity.set_summary(activity.note().empty() ? mapped.id : FirstLine(activity.note()));
}

void RowMapper::FinishNote(MappedRow& mapped) const {
  auto& message = static_cast<type::v1::Message&>(*mapped.record);
  if (message.type() == type::v1::Message::TYPE_UNSPECIFIED) {
    message.set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  }
  if (message.body().empty()) message.set_body(message.subject());
  if (message.body().empty()) {
    mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", "", "the row has no text"});
  }
}

void RowMapper::FinishStay(MappedRow& mapped) const {
  auto& stay = static_cast<pipeline::v1::ImportedStay&>(*mapped.record);
  StageMeaning meaning;
  const StageEntry* stage = StageOf(mapped, &meaning);
  if (stage != nullptr) stay.set_stage(stage->name);
  if (!stay.has_enter_time()) {
    mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", "", "the row does not tell when the stage was entered"});
  }
}

void RowMapper::FinishLead(MappedRow& mapped) const {
  auto& lead = static_cast<Lead&>(*mapped.record);
  AddExternalIds(mapped, lead);
  lead.set_channel(Lead::CHANNEL_IMPORT);
  if (plan_.mapping.target() == ImportMapping::TARGET_LEAD) {
    lead.set_kind(Lead::KIND_LEAD);
    lead.set_state(Lead::STATE_OPEN);
    if (lead.lead_status() == Lead::LEAD_STATUS_UNSPECIFIED) lead.set_lead_status(Lead::LEAD_STATUS_NEW);
  } else {
    lead.set_kind(Lead::KIND_OPPORTUNITY);
    lead.set_state(Lead::STATE_OPEN);
    if (plan_.stage_cell) SetStage(mapped);
  }
  if (lead.state() == Lead::STATE_OPEN && lead.has_close_time()) {
    // Other systems keep one close date, which is an expectation while the deal is open.
    if (!lead.has_expected_close_date()) *lead.mutable_expected_close_date() = DateOf(lead.close_time());
    lead.clear_close_time();
  }
  if (lead.state() != Lead::STATE_OPEN && !lead.has_close_time()) {
    mapped.warnings.push_back({"NO_CLOSE_TIME", "", "it is closed, and the file does not tell since when"});
  }
  if (lead.has_close_time() && lead.has_open_time() &&
      FromTimestamp(lead.close_time()) < FromTimestamp(lead.open_time())) {
    mapped.warnings.push_back(
        {"CLOSED_BEFORE_OPENED", "", "it was closed before it was opened; taken as opened when it was closed"});
    *lead.mutable_open_time() = lead.close_time();
  }
  if (plan_.mapping.team_of_owner() && !lead.owner().empty() && lead.team().empty()) {
    lead.set_team(directory_.TeamOf(lead.owner()));
  }
  if (lead.display_name().empty()) lead.set_display_name(TitleOf(lead, directory_, mapped.id));
}

void RowMapper::FinishContact(MappedRow& mapped) const {
  auto& contact = static_cast<Contact&>(*mapped.record);
  AddExternalIds(mapped, contact);
  contact.set_kind(plan_.mapping.target() == ImportMapping::TARGET_COMPANY ? Contact::KIND_COMPANY
                                                                           : Contact::KIND_PERSON);
  if (contact.display_name().empty()) contact.set_display_name(contact.email().empty() ? mapped.id : contact.email());
  if (mapped.has_link && !contact.company().empty()) {
    const Directory::Found self = directory_.Find(kCompanies, mapped.id, plan_.mapping.system());
    if (self.name == contact.company()) {
      mapped.warnings.push_back({"LINK_TO_ITSELF", "", "the company is named as its own parent"});
      contact.clear_company();
    }
  }
}

/// Products and users: their own ids are made of the id's text.
void RowMapper::FinishNamed(MappedRow& mapped, const std::string& collection) const {
  const std::string slug = SlugOf(mapped.id);
  if (slug.empty()) {
    mapped.errors.push_back({"MISSING_REQUIRED_PROPERTY", plan_.headers[plan_.id_cell],
                             Quoted(mapped.id) + " has no letter or digit that an id can be made of"});
    return;
  }
  const auto* type = mapped.record->GetDescriptor();
  const auto* reflection = mapped.record->GetReflection();
  reflection->SetString(mapped.record.get(), type->FindFieldByName("name"), collection + slug);
  const auto* display_name = type->FindFieldByName("display_name");
  if (reflection->GetString(*mapped.record, display_name).empty()) {
    reflection->SetString(mapped.record.get(), display_name, text::FoldWhitespace(mapped.id));
  }
}

void RowMapper::FinishUser(MappedRow& mapped) const {
  FinishNamed(mapped, "users/");
  auto& user = static_cast<User&>(*mapped.record);
  if (user.roles_size() == 0) user.add_roles(type::v1::ROLE_REP);
  const std::string text = text::FoldWhitespace(CellOf(mapped.row, plan_.team_cell));
  if (text.empty()) return;
  RowTeam& team = mapped.team;
  team.display_name = plan_.mapping.team().display_name();
  const size_t place = team.display_name.find("{}");
  if (team.display_name.empty()) {
    team.display_name = text;
  } else if (place != std::string::npos) {
    team.display_name.replace(place, 2, text);
  }
  team.name = "teams/" + SlugOf(team.display_name);
  team.manager = text::FoldWhitespace(CellOf(mapped.row, plan_.manager_cell));
  team.office = text::FoldWhitespace(CellOf(mapped.row, plan_.office_cell));
  if (SlugOf(team.display_name).empty()) {
    mapped.errors.push_back(
        {"MISSING_REQUIRED_PROPERTY", plan_.headers[*plan_.team_cell], Quoted(text) + " makes no team's id"});
  }
}

}  // namespace embudo::capture::logic
