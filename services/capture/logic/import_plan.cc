#include "services/capture/logic/import_plan.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "common/text/unicode.h"
#include "embudo/pipeline/v1/imported_record_service.pb.h"
#include "embudo/type/v1/activity.pb.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/message.pb.h"
#include "embudo/type/v1/user.pb.h"
#include "services/capture/logic/directory.h"

namespace embudo::capture::logic {
namespace {

using v1::ImportMapping;

const google::protobuf::Descriptor* RecordOf(ImportMapping::Target target) {
  switch (target) {
    case ImportMapping::TARGET_LEAD:
    case ImportMapping::TARGET_OPPORTUNITY:
      return type::v1::Lead::descriptor();
    case ImportMapping::TARGET_COMPANY:
    case ImportMapping::TARGET_CONTACT:
      return type::v1::Contact::descriptor();
    case ImportMapping::TARGET_PRODUCT:
      return type::v1::Product::descriptor();
    case ImportMapping::TARGET_USER:
      return type::v1::User::descriptor();
    case ImportMapping::TARGET_ACTIVITY:
      return type::v1::Activity::descriptor();
    case ImportMapping::TARGET_NOTE:
      return type::v1::Message::descriptor();
    case ImportMapping::TARGET_STAGE_HISTORY:
      return pipeline::v1::ImportedStay::descriptor();
    default:
      return nullptr;
  }
}

text::DateOrder OrderOf(ImportMapping::DateOrder order) {
  switch (order) {
    case ImportMapping::DATE_ORDER_MONTH_DAY_YEAR:
      return text::DateOrder::kMonthDayYear;
    case ImportMapping::DATE_ORDER_DAY_MONTH_YEAR:
      return text::DateOrder::kDayMonthYear;
    default:
      return text::DateOrder::kYearMonthDay;
  }
}

std::string Or(const std::string& text, const std::string& otherwise) { return text.empty() ? otherwise : text; }

/// Puts a plan together and gathers everything that is wrong with it.
class Planner {
 public:
  Planner(const ImportMapping& mapping, const std::vector<std::string>& headers) {
    plan_.mapping = mapping;
    plan_.headers = headers;
    plan_.record = RecordOf(mapping.target());
  }

  absl::StatusOr<ImportPlan> Make(const TenantDefaults& defaults) {
    if (plan_.record == nullptr) {
      Wrong("mapping.target", "is required");
      return Result();
    }
    SetLocale(defaults);
    plan_.id_cell = Column("mapping.id_column", plan_.mapping.id_column()).value_or(0);
    AddRelations();
    for (int i = 0; i < plan_.mapping.columns_size(); ++i) AddColumn(i);
    if (plan_.mapping.has_pipeline()) AddPipeline();
    if (plan_.mapping.has_team()) AddTeam();
    for (size_t i = 0; i < plan_.headers.size(); ++i) {
      if (used_.count(i) == 0 && !plan_.headers[i].empty()) plan_.unused.push_back(plan_.headers[i]);
    }
    return Result();
  }

 private:
  void Wrong(const std::string& path, const std::string& description) {
    if (first_.empty()) first_ = path + ": " + description;
    violations_.emplace_back(path, description);
  }

  absl::StatusOr<ImportPlan> Result() {
    if (violations_.empty()) return std::move(plan_);
    const size_t more = violations_.size() - 1;
    Error error(absl::StatusCode::kInvalidArgument, "INVALID_MAPPING",
                "the mapping does not fit the file: " + first_ +
                    (more > 0 ? ", and " + std::to_string(more) + " more" : std::string()));
    for (const auto& [path, description] : violations_) error.Field(path, description);
    return error.ToStatus();
  }

  void SetLocale(const TenantDefaults& defaults) {
    const v1::ImportFormat& format = plan_.mapping.format();
    Locale& locale = plan_.locale;
    locale.date_order = OrderOf(format.date_order());
    locale.time_zone = Or(format.time_zone(), defaults.time_zone);
    locale.currency_code = Or(format.currency_code(), defaults.currency_code);
    locale.region_code = Or(format.region_code(), defaults.region_code);
    locale.numbers = {format.decimal_sign().empty() ? '.' : format.decimal_sign()[0], format.digit_grouping()};
    if (!format.time_zone().empty() && !text::IsTimeZone(format.time_zone())) {
      Wrong("mapping.format.time_zone", "there is no time zone \"" + format.time_zone() + "\"");
    }
    if (format.digit_grouping().find(locale.numbers.decimal) != std::string::npos) {
      Wrong("mapping.format.digit_grouping", "contains the decimal sign");
    }
  }

  std::string HeaderList() const {
    std::string list;
    for (const std::string& header : plan_.headers) list += (list.empty() ? "" : ", ") + header;
    constexpr size_t kLongest = 400;
    if (list.size() > kLongest) list.resize(kLongest);
    return text::IsUtf8(list) ? list : list.substr(0, list.find_last_of(','));
  }

  /// The place of a column; says what is wrong if it has none.
  std::optional<size_t> Column(const std::string& path, const std::string& name) {
    if (name.empty()) {
      Wrong(path, "is required");
      return std::nullopt;
    }
    std::optional<size_t> found;
    for (size_t i = 0; i < plan_.headers.size(); ++i) {
      if (HeaderKey(plan_.headers[i]) != HeaderKey(name)) continue;
      if (found) {
        Wrong(path, "the file has more than one column \"" + name + "\"");
        return std::nullopt;
      }
      found = i;
    }
    if (!found) {
      Wrong(path, "the file has no column \"" + name + "\"; it has: " + HeaderList());
      return std::nullopt;
    }
    used_.insert(*found);
    return found;
  }

  std::optional<size_t> OptionalColumn(const std::string& path, const std::string& name) {
    return name.empty() ? std::nullopt : Column(path, name);
  }

  bool BelongsToLeads() const {
    return plan_.mapping.target() == ImportMapping::TARGET_ACTIVITY ||
           plan_.mapping.target() == ImportMapping::TARGET_NOTE ||
           plan_.mapping.target() == ImportMapping::TARGET_STAGE_HISTORY;
  }

  void AddRelations() {
    const ImportMapping& mapping = plan_.mapping;
    plan_.deleted_cell = OptionalColumn("mapping.deleted_column", mapping.deleted_column());
    if (mapping.has_rows()) {
      plan_.rows_cell = Column("mapping.rows.column", mapping.rows().column());
      for (const std::string& value : mapping.rows().values()) plan_.rows_values.insert(NameKey(value));
      if (mapping.rows().values().empty()) Wrong("mapping.rows.values", "is required");
    }
    for (int i = 0; i < mapping.about_columns_size(); ++i) {
      const auto cell = Column("mapping.about_columns[" + std::to_string(i) + "]", mapping.about_columns(i));
      if (cell) plan_.about_cells.push_back(*cell);
    }
    for (int i = 0; i < mapping.same_as_columns_size(); ++i) {
      const auto cell = Column("mapping.same_as_columns[" + std::to_string(i) + "]", mapping.same_as_columns(i));
      if (cell) plan_.same_as_cells.push_back(*cell);
    }
    if (BelongsToLeads() && mapping.about_columns_size() == 0) {
      Wrong("mapping.about_columns", "is required: what the rows are about");
    }
    if (!BelongsToLeads() && mapping.about_columns_size() > 0) {
      Wrong("mapping.about_columns", "is for activities, notes and stage histories only");
    }
  }

  void AddColumn(int index) {
    const v1::ImportColumn& spec = plan_.mapping.columns(index);
    const std::string path = "mapping.columns[" + std::to_string(index) + "]";
    PlanColumn column;
    column.spec = spec;
    if (spec.column().empty() && spec.constant().empty()) Wrong(path, "has neither a column nor a constant");
    if (!spec.column().empty()) {
      column.cell = Column(path + ".column", spec.column());
      if (column.cell) column.header = plan_.headers[*column.cell];
    }
    absl::StatusOr<Target> target = FindTarget(plan_.record, spec.field());
    if (!target.ok()) {
      Wrong(path + ".field", MessageOf(target.status()).substr(std::string_view("field: ").size()));
      return;
    }
    column.target = *std::move(target);
    column.currency_cell = OptionalColumn(path + ".currency_column", spec.currency_column());
    column.target.scale = spec.scale();
    if (!spec.scale().empty() && !MoneyFromNumeric(spec.scale(), "").ok()) {
      Wrong(path + ".scale", "\"" + spec.scale() + "\" is not a number");
    }
    const std::string& kind = column.target.refers_to;
    if (spec.missing() == v1::ImportColumn::MISSING_CREATE && kind != kTags && kind != kProducts &&
        kind != kLostReasons) {
      Wrong(path + ".missing", "only tags, products and lost reasons can be created");
    }
    column.link = plan_.mapping.target() == ImportMapping::TARGET_COMPANY && kind == kCompanies;
    for (const auto& [from, to] : spec.values()) column.values.emplace(NameKey(from), to);
    plan_.columns.push_back(std::move(column));
  }

  void AddPipeline() {
    const v1::ImportPipeline& pipeline = plan_.mapping.pipeline();
    plan_.stage_cell = OptionalColumn("mapping.pipeline.stage_column", pipeline.stage_column());
    plan_.won_cell = OptionalColumn("mapping.pipeline.won_column", pipeline.won_column());
    plan_.closed_cell = OptionalColumn("mapping.pipeline.closed_column", pipeline.closed_column());
    plan_.probability_cell = OptionalColumn("mapping.pipeline.probability_column", pipeline.probability_column());
    const bool staged = plan_.mapping.target() == ImportMapping::TARGET_OPPORTUNITY ||
                        plan_.mapping.target() == ImportMapping::TARGET_STAGE_HISTORY;
    if (staged && pipeline.stage_column().empty()) {
      Wrong("mapping.pipeline.stage_column", "is required for opportunities");
    }
    std::set<std::string> ids;
    for (int i = 0; i < pipeline.stages_size(); ++i) {
      if (!ids.insert(pipeline.stages(i).id()).second) {
        Wrong("mapping.pipeline.stages[" + std::to_string(i) + "].id", "is there twice");
      }
    }
    for (int i = 0; i < pipeline.stage_values_size(); ++i) {
      const auto& value = pipeline.stage_values(i);
      const std::string path = "mapping.pipeline.stage_values[" + std::to_string(i) + "]";
      if (pipeline.stages_size() > 0 && ids.count(value.stage()) == 0) {
        Wrong(path + ".stage", "\"" + value.stage() + "\" is none of the stages");
      }
      if (!plan_.stages.emplace(NameKey(value.value()), StageMeaning{value.stage(), value.state()}).second) {
        Wrong(path + ".value", "\"" + value.value() + "\" is there twice");
      }
    }
  }

  void AddTeam() {
    const v1::ImportTeam& team = plan_.mapping.team();
    if (plan_.mapping.target() != ImportMapping::TARGET_USER) Wrong("mapping.team", "is for users only");
    plan_.team_cell = Column("mapping.team.column", team.column());
    plan_.manager_cell = OptionalColumn("mapping.team.manager_column", team.manager_column());
    plan_.office_cell = OptionalColumn("mapping.team.office_column", team.office_column());
  }

  ImportPlan plan_;
  std::set<size_t> used_;
  std::string first_;
  std::vector<std::pair<std::string, std::string>> violations_;
};

}  // namespace

bool ImportPlan::HasLinks() const {
  return std::any_of(columns.begin(), columns.end(), [](const PlanColumn& column) { return column.link; });
}

absl::StatusOr<ImportPlan> MakePlan(const v1::ImportMapping& mapping, const std::vector<std::string>& headers,
                                    const TenantDefaults& defaults) {
  return Planner(mapping, headers).Make(defaults);
}

std::string IdAs(ImportMapping::IdFormat format, std::string id) {
  if (format != ImportMapping::ID_FORMAT_SALESFORCE || id.size() != 15) return id;
  for (const char c : id) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && (c < '0' || c > '9')) return id;
  }
  // Each of the three tells which of five characters are capitals.
  constexpr std::string_view kCode = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
  for (size_t part = 0; part < 3; ++part) {
    size_t capitals = 0;
    for (size_t i = 0; i < 5; ++i) {
      const char c = id[part * 5 + i];
      if (c >= 'A' && c <= 'Z') capitals |= size_t{1} << i;
    }
    id += kCode[capitals];
  }
  return id;
}

std::string HeaderKey(std::string_view header) {
  std::string key = NameKey(header);
  key.erase(std::remove_if(key.begin(), key.end(), [](char c) { return c == ' ' || c == '_'; }), key.end());
  return key;
}

}  // namespace embudo::capture::logic
