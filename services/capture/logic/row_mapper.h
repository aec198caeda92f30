#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/text/csv.h"
#include "google/protobuf/message.h"
#include "services/capture/logic/directory.h"
#include "services/capture/logic/import_plan.h"

namespace embudo::capture::logic {

/// Something about a row: a warning, or why it is refused.
struct Issue {
  /// UPPER_SNAKE, stable.
  std::string code;
  /// The column's header; empty if it is about the row.
  std::string column;
  std::string message;
};

/// A record that has to be there before the row's own is written.
struct NewRecord {
  std::string kind;
  std::string name;
  std::string display_name;
};

/// The team of an imported user.
struct RowTeam {
  std::string name;
  std::string display_name;
  /// Display name; empty: the file does not tell.
  std::string manager;
  std::string office;
};

/// What a row becomes.
struct MappedRow {
  text::CsvRow row;
  /// The record's id in the other system.
  std::string id;
  /// Unset if it is refused.
  std::unique_ptr<google::protobuf::Message> record;
  /// Whether a link column has a text: the row takes part in the second reading.
  bool has_link = false;
  RowTeam team;
  /// What an activity, note or stay is about: ids in the other system.
  std::vector<std::string> about;
  /// The id of the record that it has become a part of; empty: it is one of its own.
  std::string same_as;
  /// The other system has deleted it.
  bool deleted = false;
  /// It is none of the rows that the mapping means: nothing comes of it.
  bool passed_over = false;
  /// When an opportunity entered stages, by their names.
  std::vector<std::pair<std::string, Time>> stays;
  std::vector<NewRecord> new_records;
  std::vector<Issue> warnings;
  /// Not empty: the row is refused.
  std::vector<Issue> errors;
};

/// Turns rows into records. Pure: it looks at nothing but the plan, the directory and the row. Not thread-safe while
/// the directory changes.
class RowMapper {
 public:
  /// `links`: the second reading, which fills link columns.
  RowMapper(const ImportPlan& plan, const Directory& directory, bool links = false)
      : plan_(plan), directory_(directory), links_(links) {}

  MappedRow Map(text::CsvRow row) const;

 private:
  void CheckShape(MappedRow& mapped) const;
  void CheckMeant(MappedRow& mapped) const;
  void Fill(const PlanColumn& column, MappedRow& mapped) const;
  std::string TextFor(const PlanColumn& column, MappedRow& mapped) const;
  void FillFirstReference(const PlanColumn& column, const std::string& text, MappedRow& mapped) const;
  void AddName(const PlanColumn& column, const std::string& text, MappedRow& mapped) const;
  void FillReference(const PlanColumn& column, const std::string& text, MappedRow& mapped) const;
  void FinishLead(MappedRow& mapped) const;
  void FinishContact(MappedRow& mapped) const;
  void FinishNamed(MappedRow& mapped, const std::string& collection) const;
  void FinishUser(MappedRow& mapped) const;
  void FinishActivity(MappedRow& mapped) const;
  void FinishNote(MappedRow& mapped) const;
  void FinishStay(MappedRow& mapped) const;
  void SetStage(MappedRow& mapped) const;
  const StageEntry* StageOf(MappedRow& mapped, StageMeaning* meaning) const;
  type::v1::Lead::State StateByFlags(MappedRow& mapped) const;
  bool Flag(MappedRow& mapped, std::optional<size_t> cell) const;
  void ReadRelations(MappedRow& mapped) const;
  void AddExternalIds(MappedRow& mapped, google::protobuf::Message& record) const;
  std::string CurrencyFor(const PlanColumn& column, const MappedRow& mapped) const;
  void FillEntered(const PlanColumn& column, const std::string& text, MappedRow& mapped) const;

  const ImportPlan& plan_;
  const Directory& directory_;
  const bool links_;
};

}  // namespace embudo::capture::logic
