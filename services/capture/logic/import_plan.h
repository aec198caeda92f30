#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "embudo/capture/v1/import_mapping.pb.h"
#include "services/capture/logic/cell.h"

namespace embudo::capture::logic {

/// What the tenant gives where the mapping's format is silent.
struct TenantDefaults {
  std::string currency_code;
  std::string time_zone;
  std::string region_code;
};

/// A column of the mapping, found in the file.
struct PlanColumn {
  v1::ImportColumn spec;
  /// The header as the file has it; empty where there is a constant only.
  std::string header;
  std::optional<size_t> cell;
  std::optional<size_t> currency_cell;
  Target target;
  /// spec.values, by NameKey.
  std::unordered_map<std::string, std::string> values;
  /// The target refers to records of the kind that the file itself brings: filled by a second reading of the file.
  bool link = false;
};

/// What a text in the stage column means.
struct StageMeaning {
  std::string stage;
  type::v1::Lead::State state = type::v1::Lead::STATE_UNSPECIFIED;
};

/// A mapping that fits a file.
struct ImportPlan {
  v1::ImportMapping mapping;
  /// What a row becomes: Lead, Contact, Product, User, Activity, Message or ImportedStay.
  const google::protobuf::Descriptor* record = nullptr;
  Locale locale;
  std::vector<std::string> headers;
  size_t id_cell = 0;
  std::vector<PlanColumn> columns;
  std::optional<size_t> stage_cell, won_cell, closed_cell, probability_cell;
  std::optional<size_t> deleted_cell;
  /// Which rows are meant: those that have one of the texts, by NameKey, in the cell. Unset: all.
  std::optional<size_t> rows_cell;
  std::unordered_set<std::string> rows_values;
  std::vector<size_t> about_cells, same_as_cells;
  /// By NameKey of the text.
  std::unordered_map<std::string, StageMeaning> stages;
  std::optional<size_t> team_cell, manager_cell, office_cell;
  /// Headers that the mapping does not use.
  std::vector<std::string> unused;

  bool HasLinks() const;
};

/// Fits a mapping to a file's header. INVALID_ARGUMENT, reason INVALID_MAPPING, with one violation for every column
/// that the file lacks, field that the record lacks, and setting that makes no sense, by its path in
/// ImportLeadsRequest.
absl::StatusOr<ImportPlan> MakePlan(const v1::ImportMapping& mapping, const std::vector<std::string>& headers,
                                    const TenantDefaults& defaults);

/// An id as the mapping writes it: Salesforce's with 18 characters.
std::string IdAs(v1::ImportMapping::IdFormat format, std::string id);

/// How headers are compared: case, spaces and underscores do not count (`STAGENAME`, `Stage Name`, `stage_name`).
std::string HeaderKey(std::string_view header);

}  // namespace embudo::capture::logic
