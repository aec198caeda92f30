#include "common/db/binary_rows.h"

#include <libpq-fe.h>

#include <functional>
#include <vector>

#include "common/base/error.h"
#include "common/db/error.h"

namespace embudo::db {
namespace {

constexpr std::string_view kNoSuchStatement = "26000";

pg_result* Run(Connection& connection, const std::string& name, const Params& params) {
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const Params::Value& value : params.values()) {
    values.push_back(value.bytes ? value.bytes->c_str() : nullptr);
    lengths.push_back(value.bytes ? static_cast<int>(value.bytes->size()) : 0);
    formats.push_back(value.binary ? 1 : 0);
  }
  return PQexecPrepared(connection.raw(), name.c_str(), params.size(), values.data(), lengths.data(), formats.data(),
                        1);
}

bool IsUnknown(const pg_result* result) {
  const char* sqlstate = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return sqlstate != nullptr && sqlstate == kNoSuchStatement;
}

}  // namespace

BinaryRows::BinaryRows(pg_result* result) : result_(result, PQclear) {}

int BinaryRows::size() const { return PQntuples(result_.get()); }

int64_t BinaryRows::Int(int row, int column) const {
  const std::string_view bytes = Bytes(row, column);
  if (bytes.empty()) return 0;
  // The highest byte has the sign.
  int64_t value = static_cast<signed char>(bytes.front());
  for (const char byte : bytes.substr(1)) value = value * 256 + static_cast<unsigned char>(byte);
  return value;
}

std::string_view BinaryRows::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

absl::StatusOr<BinaryRows> ExecBinary(Connection& connection, const std::string& sql, const Params& params) {
  const std::string name = "b" + std::to_string(std::hash<std::string>()(sql));
  BinaryRows rows(Run(connection, name, params));
  if (PQresultStatus(rows.raw()) == PGRES_TUPLES_OK) return rows;
  if (!IsUnknown(rows.raw())) return ErrorOf(rows.raw());
  const BinaryRows prepared(PQprepare(connection.raw(), name.c_str(), sql.c_str(), 0, nullptr));
  if (PQresultStatus(prepared.raw()) != PGRES_COMMAND_OK) return ErrorOf(prepared.raw());
  BinaryRows again(Run(connection, name, params));
  if (PQresultStatus(again.raw()) != PGRES_TUPLES_OK) return ErrorOf(again.raw());
  return again;
}

}  // namespace embudo::db
