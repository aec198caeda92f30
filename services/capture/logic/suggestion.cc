#include "services/capture/logic/suggestion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"
#include "services/capture/logic/directory.h"
#include "services/capture/logic/import_plan.h"
#include "services/capture/logic/locale_finding.h"
#include "services/capture/logic/presets.h"
#include "services/capture/logic/stage_finding.h"

namespace embudo::capture::logic {
namespace {

using google::protobuf::FieldDescriptor;
using v1::ImportMapping;
using v1::ImportPreset;

using Texts = google::protobuf::RepeatedPtrField<std::string>;

/// Below that a file is of no preset.
constexpr double kLeastConfidence = 0.6;
/// Presets for any table fit many files a little.
constexpr double kAnyTable = 0.7;
constexpr size_t kMaxSamples = 3;
constexpr char kEntered[] = "date entered \"";

/// A header as presets have it.
std::string KeyFor(const ImportPreset& preset, const std::string& header) {
  const std::string key = HeaderKey(header);
  const std::string prefix = HeaderKey(preset.header_prefix());
  return !prefix.empty() && key.starts_with(prefix) ? key.substr(prefix.size()) : key;
}

/// Columns of a file by their keys.
class Headers {
 public:
  Headers(const ImportPreset& preset, const std::vector<std::string>& header) {
    std::map<std::string, int> times;
    for (const std::string& one : header) ++times[HeaderKey(one)];
    for (size_t i = 0; i < header.size(); ++i) {
      // A header that stands twice names no column.
      if (!header[i].empty() && times[HeaderKey(header[i])] == 1) places_.emplace(KeyFor(preset, header[i]), i);
    }
  }

  std::optional<size_t> Find(const std::string& header) const {
    const auto at = places_.find(HeaderKey(header));
    return at == places_.end() ? std::nullopt : std::optional(at->second);
  }
  /// The first of these that is there, and its place among them.
  std::optional<size_t> FindAny(const Texts& headers, int* place = nullptr) const {
    for (int i = 0; i < headers.size(); ++i) {
      const auto found = Find(headers[i]);
      if (found && place != nullptr) *place = i;
      if (found) return found;
    }
    return std::nullopt;
  }

 private:
  std::map<std::string, size_t> places_;
};

/// How much of what tells the preset from others is there; more than 1 if a header is that no other export has.
double FingerprintOf(const ImportPreset& preset, const Headers& headers) {
  constexpr double kDecisive = 0.2;
  int present = 0;
  double bonus = 0;
  for (const std::string& entry : preset.fingerprint()) {
    const bool decisive = entry.starts_with('!');
    Texts each;
    for (size_t at = decisive ? 1 : 0; at <= entry.size();) {
      const size_t end = std::min(entry.find('|', at), entry.size());
      *each.Add() = entry.substr(at, end - at);
      at = end + 1;
    }
    if (!headers.FindAny(each)) continue;
    ++present;
    if (decisive) bonus += kDecisive;
  }
  return preset.fingerprint_size() == 0 ? 0 : static_cast<double>(present) / preset.fingerprint_size() + bonus;
}

bool Allows(const std::string& hint, const ImportPreset& preset) {
  const std::string id = preset.name().substr(preset.name().find('/') + 1);
  return hint.empty() || preset.name() == hint || id.starts_with(hint);
}

/// Puts a suggestion together.
class Suggester {
 public:
  Suggester(const v1::SuggestMappingRequest& request, const Sample& sample, const ImportPreset& preset)
      : request_(request), sample_(sample), preset_(preset), headers_(preset, sample.header) {
    for (const std::string& header : sample.header) response_.add_columns()->set_column(header);
    for (int i = 0; i < response_.columns_size(); ++i) {
      for (const std::string& value : ValuesOf(static_cast<size_t>(i), kMaxSamples)) {
        response_.mutable_columns(i)->add_samples(value);
      }
    }
  }

  absl::StatusOr<v1::SuggestMappingResponse> Make(double confidence) {
    response_.set_preset(preset_.name());
    response_.set_confidence(std::min(1.0, confidence));
    response_.set_rows_read(static_cast<int64_t>(sample_.rows.size()));
    mapping_.set_target(preset_.target());
    mapping_.set_system(preset_.system());
    mapping_.set_id_format(preset_.id_format());
    if (sample_.delimiter != ',') mapping_.mutable_format()->set_delimiter(std::string(1, sample_.delimiter));
    EMBUDO_RETURN_IF_ERROR(FindId());
    FindRelations();
    for (const ImportPreset::Column& column : preset_.columns()) AddColumn(column);
    if (preset_.target() == ImportMapping::TARGET_OPPORTUNITY) AddPipeline();
    if (preset_.target() == ImportMapping::TARGET_STAGE_HISTORY) AddStageColumn();
    FindLocale();
    NoteOthers();
    return std::move(response_);
  }

 private:
  std::vector<std::string> ValuesOf(size_t cell, size_t most = 1000) const {
    std::vector<std::string> values;
    for (const text::CsvRow& row : sample_.rows) {
      if (values.size() == most) break;
      if (cell >= row.cells.size()) continue;
      std::string value = text::FoldWhitespace(row.cells[cell]);
      if (!value.empty()) values.push_back(most == kMaxSamples ? Cut(value) : std::move(value));
    }
    return values;
  }

  static std::string Cut(const std::string& value) {
    if (value.size() <= 60) return value;
    const size_t space = value.rfind(' ', 60);
    return (space == std::string::npos ? std::string() : value.substr(0, space)) + "…";
  }

  v1::ColumnSuggestion& Column(size_t cell) { return *response_.mutable_columns(static_cast<int>(cell)); }

  void Mark(size_t cell, const std::string& part, double confidence) {
    v1::ColumnSuggestion& column = Column(cell);
    column.set_field(column.field().empty() ? part : column.field() + ", " + part);
    column.set_confidence(std::max(column.confidence(), confidence));
  }

  bool IsKey(size_t cell) const {
    const std::vector<std::string> values = ValuesOf(cell);
    const std::set<std::string> different(values.begin(), values.end());
    return different.size() == sample_.rows.size();
  }

  absl::Status FindId() {
    std::optional<size_t> id;
    const bool repeats = preset_.target() == ImportMapping::TARGET_STAGE_HISTORY;
    for (const std::string& header : preset_.id_headers()) {
      const auto found = headers_.Find(header);
      if (found && (IsKey(*found) || repeats) && !id) id = found;
    }
    for (const std::string& header : preset_.id_headers()) {
      const auto found = headers_.Find(header);
      if (found && !id && !ValuesOf(*found, 1).empty()) id = found;  // some rows lack it, or it stands twice
    }
    const bool known = id.has_value();
    for (size_t i = 0; i < sample_.header.size() && !id; ++i) {
      if (!sample_.header[i].empty() && headers_.Find(Unprefixed(sample_.header[i])) && IsKey(i)) id = i;
    }
    if (!id) {
      return Error(absl::StatusCode::kInvalidArgument, "NO_ID_COLUMN",
                   "no column tells the rows apart: export the records' ids too")
          .Field("file", "has no column with ids");
    }
    mapping_.set_id_column(sample_.header[*id]);
    Mark(*id, "(id)", known ? (IsKey(*id) || repeats ? 1 : 0.6) : 0.4);
    if (known) return absl::OkStatus();
    Ask("NO_ID_COLUMN", sample_.header[*id],
        "The file has no column that is known to hold ids; this one has different"
        " values in all rows. Records are found again by it.",
        {sample_.header[*id]});
    return absl::OkStatus();
  }

  std::string Unprefixed(const std::string& header) const { return KeyFor(preset_, header); }

  void Ask(const std::string& code, const std::string& column, const std::string& message,
           const std::vector<std::string>& options) {
    auto* question = response_.add_questions();
    question->set_code(code);
    question->set_column(column);
    question->set_message(message);
    for (const std::string& option : options) question->add_options(option);
  }

  void FindRelations() {
    for (const std::string& header : preset_.about_headers()) {
      const auto found = headers_.Find(header);
      if (!found) continue;
      mapping_.add_about_columns(sample_.header[*found]);
      Mark(*found, "(about)", 1);
    }
    for (const std::string& header : preset_.same_as_headers()) {
      const auto found = headers_.Find(header);
      if (!found) continue;
      mapping_.add_same_as_columns(sample_.header[*found]);
      Mark(*found, "(same as)", 1);
    }
    if (const auto rows = headers_.FindAny(preset_.row_headers())) {
      mapping_.mutable_rows()->set_column(sample_.header[*rows]);
      *mapping_.mutable_rows()->mutable_values() = preset_.row_values();
      Mark(*rows, "(rows)", 1);
    }
    const auto deleted = headers_.FindAny(preset_.deleted_headers());
    if (!deleted) return;
    mapping_.set_deleted_column(sample_.header[*deleted]);
    Mark(*deleted, "(deleted)", 1);
  }

  void AddColumn(const ImportPreset::Column& column) {
    if (column.headers().empty()) {
      *mapping_.add_columns() = column.spec();
      return;
    }
    int place = 0;
    const auto found = headers_.FindAny(column.headers(), &place);
    if (!found) return;
    v1::ImportColumn spec = column.spec();
    spec.set_column(sample_.header[*found]);
    const auto currency = headers_.FindAny(column.currency_headers());
    if (currency) {
      spec.set_currency_column(sample_.header[*currency]);
      Mark(*currency, "(currency)", 1);
    }
    const std::vector<std::string> values = ValuesOf(*found);
    Mark(*found, spec.field(), place == 0 ? 1 : 0.9);
    Watch(*found, spec.field(), values);
    *mapping_.add_columns() = std::move(spec);
  }

  const google::protobuf::Descriptor* Record() const {
    const bool contact =
        preset_.target() == ImportMapping::TARGET_COMPANY || preset_.target() == ImportMapping::TARGET_CONTACT;
    return contact ? type::v1::Contact::descriptor() : type::v1::Lead::descriptor();
  }

  /// Keeps what tells how dates and numbers are written.
  void Watch(size_t cell, const std::string& path, const std::vector<std::string>& values) {
    const FieldDescriptor* field = Record()->FindFieldByName(path);
    const bool date = path == "due_date" || path == "done_time" || path == "enter_time" || path == "create_time" ||
                      path.starts_with("stage_entered.") ||
                      (field != nullptr && (field->message_type() == google::protobuf::Timestamp::descriptor() ||
                                            field->message_type() == google::type::Date::descriptor()));
    const bool number = field != nullptr && (field->message_type() == google::type::Money::descriptor() ||
                                             field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
                                             field->cpp_type() == FieldDescriptor::CPPTYPE_INT64);
    if (date) {
      dates_.insert(dates_.end(), values.begin(), values.end());
      date_columns_.insert(cell);
    } else if (number) {
      numbers_.insert(numbers_.end(), values.begin(), values.end());
      number_columns_.insert(cell);
    }
  }

  void AddStageColumn() {
    const auto stage = headers_.FindAny(preset_.stage_headers());
    if (!stage) return;
    v1::ImportPipeline& pipeline = *mapping_.mutable_pipeline();
    pipeline.set_id(request_.pipeline().empty() ? preset_.system() : request_.pipeline());
    pipeline.set_stage_column(sample_.header[*stage]);
    Mark(*stage, "(stage)", 1);
  }

  void AddPipeline() {
    AddStageColumn();
    if (!mapping_.has_pipeline()) {
      Ask("NO_STAGE_COLUMN", "", "No column tells the stage; opportunities need one.", {});
      return;
    }
    v1::ImportPipeline& pipeline = *mapping_.mutable_pipeline();
    std::string name = preset_.display_name().substr(0, preset_.display_name().find(' '));
    pipeline.set_display_name(preset_.system() == "import" ? "Imported" : name);
    StageColumns columns;
    columns.stage = *headers_.FindAny(preset_.stage_headers());
    columns.won = headers_.FindAny(preset_.won_headers());
    if (!columns.won) columns.won = headers_.FindAny(preset_.outcome_headers());
    columns.closed = headers_.FindAny(preset_.closed_headers());
    columns.probability = headers_.FindAny(preset_.probability_headers());
    if (columns.won) {
      pipeline.set_won_column(sample_.header[*columns.won]);
      Mark(*columns.won, "(won)", 1);
    }
    if (columns.closed) {
      pipeline.set_closed_column(sample_.header[*columns.closed]);
      Mark(*columns.closed, "(closed)", 1);
    }
    if (columns.probability) {
      pipeline.set_probability_column(sample_.header[*columns.probability]);
      Mark(*columns.probability, "(probability)", 1);
    }
    FindStages(sample_, columns, &response_);
    AddEnteredColumns();
  }

  /// `Date entered "Stage (Pipeline)"`.
  void AddEnteredColumns() {
    for (size_t i = 0; i < sample_.header.size(); ++i) {
      const std::string header = text::FoldWhitespace(sample_.header[i]);
      if (!text::ToLower(header).starts_with(kEntered)) continue;
      const size_t begin = std::string(kEntered).size();
      size_t end = header.rfind(" (");
      if (end == std::string::npos || end <= begin) end = header.rfind('"');
      const std::string stage = end > begin ? header.substr(begin, end - begin) : "";
      const auto& stages = mapping_.pipeline().stages();
      const auto known = std::find_if(stages.begin(), stages.end(),
                                      [&](const auto& one) { return NameKey(one.display_name()) == NameKey(stage); });
      if (known == stages.end()) {
        Column(i).set_note("no opportunity of the sample is in this stage");
        continue;
      }
      v1::ImportColumn column;
      column.set_column(sample_.header[i]);
      column.set_field("stage_entered." + known->id());
      column.set_skip_invalid(true);
      Mark(i, column.field(), 1);
      Watch(i, column.field(), ValuesOf(i));
      *mapping_.add_columns() = std::move(column);
    }
  }

  std::string NameOf(const std::set<size_t>& columns) const {
    return columns.empty() ? "" : sample_.header[*columns.begin()];
  }

  void FindLocale() {
    const DateFinding date = FindDateOrder(dates_);
    if (date.order != ImportMapping::DATE_ORDER_UNSPECIFIED) mapping_.mutable_format()->set_date_order(date.order);
    if (date.ambiguous) {
      Ask("AMBIGUOUS_DATE_ORDER", NameOf(date_columns_),
          "Is \"" + date.example + "\" written with the month or with the day first?",
          {"DATE_ORDER_MONTH_DAY_YEAR", "DATE_ORDER_DAY_MONTH_YEAR"});
    }
    const NumberFinding number = FindDecimalSign(numbers_);
    if (!number.decimal_sign.empty()) {
      mapping_.mutable_format()->set_decimal_sign(number.decimal_sign);
      mapping_.mutable_format()->set_digit_grouping(number.digit_grouping);
    }
    if (number.ambiguous) {
      Ask("AMBIGUOUS_DECIMAL_SIGN", NameOf(number_columns_),
          "Which sign of \"" + number.example + "\" begins the decimals?", {".", ","});
    }
  }

  /// Columns that are nothing yet.
  void NoteOthers() {
    std::set<std::string> ignored;
    for (const std::string& header : preset_.ignored_headers()) ignored.insert(HeaderKey(header));
    std::set<std::string> keys;
    for (size_t i = 0; i < sample_.header.size(); ++i) {
      v1::ColumnSuggestion& column = Column(i);
      if (!column.field().empty() || column.column().empty() || !column.note().empty()) continue;
      if (ignored.contains(HeaderKey(column.column())) || ignored.contains(KeyFor(preset_, column.column()))) {
        column.set_note("only " + preset_.system() + " needs it");
      } else if (column.samples().empty()) {
        column.set_note("it is empty");
      } else if (!headers_.Find(Unprefixed(column.column()))) {
        column.set_note("its header stands twice");
      } else if (!TakesCustomFields()) {
        column.set_note("no field for it");
      } else {
        AddCustomField(&column, &keys);
      }
    }
  }

  bool TakesCustomFields() const {
    switch (preset_.target()) {
      case ImportMapping::TARGET_LEAD:
      case ImportMapping::TARGET_OPPORTUNITY:
      case ImportMapping::TARGET_COMPANY:
      case ImportMapping::TARGET_CONTACT:
        return true;
      default:
        return false;
    }
  }

  void AddCustomField(v1::ColumnSuggestion* column, std::set<std::string>* keys) {
    constexpr size_t kMaxCustomFields = 150;
    std::string key = SlugOf(column->column()).substr(0, 60);
    std::replace(key.begin(), key.end(), '-', '_');
    for (const char* ending : {"__c", "_c"}) {
      const std::string end = ending;
      if (key.size() > end.size() && key.ends_with(end)) key.resize(key.size() - end.size());
    }
    if (!key.empty() && key[0] >= '0' && key[0] <= '9') key = "c_" + key;
    if (key.empty() || !keys->insert(key).second || keys->size() > kMaxCustomFields) {
      column->set_note("no field for it");
      return;
    }
    if (!request_.custom_fields()) {
      column->set_note("could be custom_fields." + key);
      return;
    }
    column->set_field("custom_fields." + key);
    column->set_confidence(0.5);
    v1::ImportColumn* added = mapping_.add_columns();
    added->set_column(column->column());
    added->set_field(column->field());
  }

  const v1::SuggestMappingRequest& request_;
  const Sample& sample_;
  const ImportPreset& preset_;
  const Headers headers_;
  v1::SuggestMappingResponse response_;
  v1::ImportMapping& mapping_ = *response_.mutable_mapping();
  std::vector<std::string> dates_, numbers_;
  std::set<size_t> date_columns_, number_columns_;
};

}  // namespace

const ImportPreset* FindPreset(const std::vector<std::string>& header, const std::string& hint, double* confidence) {
  const ImportPreset* best = nullptr;
  double best_score = 0;
  for (const ImportPreset& preset : Presets()) {
    if (!Allows(hint, preset)) continue;
    const Headers headers(preset, header);
    const double fingerprint = FingerprintOf(preset, headers) * (preset.system() == "import" ? kAnyTable : 1);
    // Among those that fit, the one that knows more of the columns.
    int known = 0;
    for (const ImportPreset::Column& column : preset.columns()) known += headers.FindAny(column.headers()) ? 1 : 0;
    known += headers.FindAny(preset.id_headers()) ? 1 : 0;
    const double score = fingerprint + std::min(0.09, 0.005 * known);
    if (score <= best_score) continue;
    best_score = score;
    best = &preset;
    *confidence = fingerprint;
  }
  const double least = hint.empty() ? kLeastConfidence : 0;
  return best == nullptr || *confidence < least ? nullptr : best;
}

absl::StatusOr<v1::SuggestMappingResponse> Suggest(const v1::SuggestMappingRequest& request, const Sample& sample) {
  double confidence = 0;
  const ImportPreset* preset = FindPreset(sample.header, request.preset(), &confidence);
  if (preset != nullptr) return Suggester(request, sample, *preset).Make(confidence);
  return Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_SOURCE",
               request.preset().empty() ? "the columns are those of no export that is known; name a preset or write a"
                                          " mapping"
                                        : "there is no preset \"" + request.preset() + "\"")
      .Field(request.preset().empty() ? "file" : "preset", "is not known");
}

}  // namespace embudo::capture::logic
