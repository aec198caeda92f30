#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "common/resource/table.h"

namespace embudo::resource {

/// Records as an array of their table's row type, in binary form: `unnest($1::pipeline.lead[])`. Columns of the table
/// that the record does not fill are NULL.
class Rows {
 public:
  /// The row type is the one that `connection` sees. `like` names a table of the same columns to write to instead.
  static absl::StatusOr<Rows> For(db::Connection& connection, const Table& table, const std::string& like = "");

  void Add(std::string_view tenant, const Record& record);
  db::Binary Finish() const;

 private:
  Rows(const Table& table, std::shared_ptr<const db::RowType> type);
  void FillField(const Field& field, const google::protobuf::Reflection* reflection,
                 const google::protobuf::Message& message);
  void FillIds(const std::vector<size_t>& columns, const std::vector<std::string>& ids);
  /// The value of that column to be appended to; nullptr if another field has filled it.
  std::string* Value(size_t column);

  const Table* table_;
  std::shared_ptr<const db::RowType> type_;
  /// Each column of the row type: what it holds.
  std::vector<int> sources_;
  /// Each column of the table: its type.
  std::vector<uint32_t> types_;
  /// The values of the row at hand, one a column of the table.
  std::vector<std::optional<std::string>> values_;
  std::string rows_;
  size_t count_ = 0;
};

}  // namespace embudo::resource
