#include "common/db/binary.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/db/connection.h"
#include "common/testing/postgres.h"

namespace embudo::db {
namespace {

class BinaryTest : public ::testing::Test {
 protected:
  /// What PostgreSQL makes of a value of that type, as text.
  std::string Read(const std::string& type, const std::function<void(std::string&)>& append) {
    Binary value;
    append(value.bytes);
    const auto rows = connection_->Exec("SELECT $1::" + type, Params::Of(value));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? std::string((*rows)[0].Text(0)) : "";
  }
  std::string Numeric(int64_t units, int32_t nanos) {
    return Read("numeric", [&](std::string& out) { AppendNumeric(out, units, nanos); });
  }

  std::unique_ptr<testing::Database> database_ = testing::Postgres::Shared().CreateDatabase({});
  std::unique_ptr<Connection> connection_ =
      *Connection::Open(ConninfoFor(database_->ConninfoAs("postgres"), "postgres", "test"));
};

TEST_F(BinaryTest, AmountsAreExactAndAsShortAsTheirText) {
  google::type::Money money;
  for (const int64_t units : {INT64_C(0), INT64_C(7), INT64_C(9999), INT64_C(10000), INT64_C(123456789012),
                              std::numeric_limits<int64_t>::max()}) {
    for (const int32_t nanos : {0, 1, 500000000, 250000000, 10000, 999999999}) {
      for (const int sign : {1, -1}) {
        money.set_units(sign * units);
        money.set_nanos(sign * nanos);
        EXPECT_EQ(Numeric(money.units(), money.nanos()), ToNumeric(money));
      }
    }
  }
  EXPECT_EQ(Numeric(std::numeric_limits<int64_t>::min(), 0), "-9223372036854775808");
}

TEST_F(BinaryTest, TimesBeforeAndAfter2000) {
  const Time time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 26) + std::chrono::microseconds(1);
  EXPECT_EQ(Read("timestamptz", [&](std::string& out) { AppendTime(out, time); }), "2026-11-26 00:00:00.000001+00");
  EXPECT_EQ(Read("timestamptz", [&](std::string& out) { AppendTime(out, Time{}); }), "1970-01-01 00:00:00+00");
  EXPECT_EQ(Read("date", [](std::string& out) { AppendDate(out, std::chrono::year(1999) / 12 / 31); }), "1999-12-31");
  EXPECT_EQ(Read("date", [](std::string& out) { AppendDate(out, std::chrono::year(2026) / 2 / 28); }), "2026-02-28");
}

TEST_F(BinaryTest, NumbersIdsAndArrays) {
  EXPECT_EQ(Read("int2", [](std::string& out) { AppendInt16(out, -2); }), "-2");
  EXPECT_EQ(Read("int4", [](std::string& out) { AppendInt32(out, 70000); }), "70000");
  EXPECT_EQ(Read("int8", [](std::string& out) { AppendInt64(out, -5000000000); }), "-5000000000");
  EXPECT_EQ(Read("float8", [](std::string& out) { AppendFloat8(out, 33.33); }), "33.33");
  const std::string id = "0196c3a0-0000-7000-8000-0123456789ab";
  EXPECT_EQ(Read("uuid", [&](std::string& out) { AppendUuid(out, *Uuid::Parse(id)); }), id);
  EXPECT_EQ(Read("text[]",
                 [](std::string& out) {
                   AppendTextArray(out, {"a", "", R"(b"\{,})"});
                 }),
            R"({a,"","b\"\\{,}"})");
  EXPECT_EQ(Read("text[]", [](std::string& out) { AppendTextArray(out, {}); }), "{}");
}

TEST_F(BinaryTest, BytesAndTheirArrays) {
  Params params;
  params.AddBytes(std::string_view("\0\xff", 2)).AddBytes({std::string("\\x"), std::nullopt, std::string()});
  const auto rows = connection_->Exec("SELECT $1::bytea, $2::bytea[]", params);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].Bytes(0), std::string("\0\xff", 2));
  EXPECT_EQ((*rows)[0].Text(1), R"({"\\x5c78",NULL,"\\x"})");
}

/// One row whose every column is the number 7, as int4.
Binary Sevens(const RowType& type) {
  Binary row;
  AppendArrayHeader(row.bytes, type.id, 1, false);
  LengthPrefix length(row.bytes);
  AppendInt32(row.bytes, static_cast<int32_t>(type.columns.size()));
  for (const RowType::Column& column : type.columns) {
    AppendInt32(row.bytes, static_cast<int32_t>(column.type));
    AppendInt32(row.bytes, sizeof(int32_t));
    AppendInt32(row.bytes, 7);
  }
  length.Close();
  return row;
}

TEST_F(BinaryTest, AfterAMigrationRowsAreRefusedOnce) {
  ASSERT_TRUE(connection_->ExecScript("CREATE TABLE thing (a int, gone int, b int); ALTER TABLE thing DROP gone").ok());
  const std::string sql = "SELECT * FROM unnest($1::thing[])";
  const auto before = *connection_->RowTypeOf("thing");
  ASSERT_EQ(before->columns.size(), 2);
  EXPECT_EQ(before->columns[1].name, "b");
  const auto rows = connection_->Exec(sql, Params::Of(Sevens(*before)));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].Int(1), 7);

  const auto other = *Connection::Open(database_->ConninfoAs("postgres"));
  ASSERT_TRUE(other->ExecScript("ALTER TABLE thing ADD c int").ok());
  EXPECT_EQ(ReasonOf(connection_->Exec(sql, Params::Of(Sevens(**connection_->RowTypeOf("thing")))).status()),
            "SCHEMA_CHANGED");
  const auto after = connection_->Exec("SELECT (x).c FROM unnest($1::thing[]) AS x",
                                       Params::Of(Sevens(**connection_->RowTypeOf("thing"))));
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ((*after)[0].Int(0), 7);
}

}  // namespace
}  // namespace embudo::db
