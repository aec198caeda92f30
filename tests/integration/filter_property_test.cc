// The two back ends of common/filter agree: random filters over random leads give the same answer in memory as in
// PostgreSQL, in the table that the pipeline service keeps leads in.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/db/connection.h"
#include "common/filter/filter.h"
#include "common/resource/resource.h"
#include "common/resource/rows.h"
#include "common/testing/postgres.h"
#include "embudo/type/v1/lead.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/type/date.pb.h"
#include "google/type/money.pb.h"
#include "services/pipeline/storage/migrations.h"
#include "services/pipeline/storage/tables.h"

namespace embudo {
namespace {

using filter::Type;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using type::v1::Lead;

constexpr int kLeads = 300;
constexpr int kFilters = 2000;

const Time kNow = FromTimestamp([] {
  google::protobuf::Timestamp now;
  now.set_seconds(1'795'456'800);  // 2026-11-23T18:00:00Z
  return now;
}());

/// Values are drawn from small pools, by records and filters alike, so that they meet; the pools are full of what one
/// back end could take for something else.
class Random {
 public:
  explicit Random(uint64_t seed) : generator_(seed) {}

  int Below(int limit) { return std::uniform_int_distribution<>(0, limit - 1)(generator_); }
  bool Chance(int percent) { return Below(100) < percent; }
  std::string Pick(const std::vector<std::string>& pool) {
    return pool[static_cast<size_t>(Below(static_cast<int>(pool.size())))];
  }

  std::string Text() {
    return Pick({"",     "a",          "A",    "ab",  "aB",   "b",      "B",    "Acme",  "acme",    "Acme AG", "a*b",
                 "100%", "100",        "a_b",  "axb", "a\\b", "a\\\\b", "é",    "É",     "e\u0301", "ß",       "ss",
                 "日本", "\U0001F600", "z",    "Z",   " ",    "  a",    "it's", "\"q\"", "a\nb",    "true",    "12",
                 "2.5",  "2026-11-23", "null", "%",   "_",    "(a)",    "-",    "_a",    "~"});
  }
  std::string LowerText() { return Pick({"", "a", "ada@acme.com", "ada", "ü", "a_b", "a%b", "camp-1", "ß"}); }
  std::string Number() { return Pick({"0", "1", "-1", "2", "50", "51", "100", "2147483647", "-2147483648"}); }
  std::string Double() {
    return Pick({"0", "33.33", "33.330000000000005", "0.30000000000000004", "0.3", "-1", "100", "1e-7", "2.5", "12"});
  }
  std::string Amount() {
    return Pick({"0", "-0.5", "0.5", "1", "-1", "-1.000000001", "0.1", "0.3", "10000", "10000.01",
                 "9223372036854775807", "1e4"});
  }
  std::string TimeText() {
    return FormatTime(kNow + std::chrono::hours(24) * (Below(9) - 4) + std::chrono::microseconds(Below(3) - 1));
  }
  std::string DateText() {
    return FormatDate(ToDate(std::chrono::floor<std::chrono::days>(kNow) + std::chrono::days(Below(9) - 4)));
  }
  std::string Id() { return Pick({"a", "b", "A", "a-b", "a.b", "a_b"}); }
  std::string Uuid() {
    return Pick({"018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-00000000000a",
                 "ffffffff-ffff-7fff-bfff-ffffffffffff"});
  }
  std::string Key() { return Pick({"k", "K", "my key", "a.b", "é", "0", "it's"}); }
  std::string Name(const filter::Field& field) {
    std::vector<std::string> ids;
    for (size_t i = 0; i < field.pattern->variables(); ++i) ids.push_back(field.column.uuid_ids ? Uuid() : Id());
    return field.pattern->Build(ids);
  }

 private:
  std::mt19937_64 generator_;
};

google::protobuf::Value CustomValue(Random& random) {
  google::protobuf::Value value;
  switch (random.Below(8)) {
    case 0:
      value.set_bool_value(random.Chance(50));
      break;
    case 1:
    case 2:
      value.set_number_value(std::stod(random.Double()));
      break;
    case 3:
      value.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case 4:
      value.mutable_list_value()->add_values()->set_string_value(random.Text());
      break;
    case 5:
      value.mutable_struct_value();
      break;
    default:
      value.set_string_value(random.Text());
  }
  return value;
}

/// Sets a field of the lead to a value as the service would store it.
void Fill(Random& random, const filter::Field& field, Lead& lead) {
  const FieldDescriptor* descriptor = field.chain[0];
  const Reflection& reflection = *lead.GetReflection();
  switch (field.type) {
    case Type::kBool:
      reflection.SetBool(&lead, descriptor, random.Chance(50));
      break;
    case Type::kInt:
      if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
        reflection.SetInt32(&lead, descriptor, std::stoi(random.Number()));
      } else {
        reflection.SetInt64(&lead, descriptor, std::stoll(random.Number()));
      }
      break;
    case Type::kDouble:
      reflection.SetDouble(&lead, descriptor, std::stod(random.Double()));
      break;
    case Type::kMoney: {
      auto& money = static_cast<google::type::Money&>(*reflection.MutableMessage(&lead, descriptor));
      const auto sign = random.Below(3) - 1;
      money.set_currency_code("EUR");
      money.set_units(sign * std::vector<int64_t>{0, 1, 10000, INT64_MAX}[static_cast<size_t>(random.Below(4))]);
      money.set_nanos(sign * std::vector<int>{0, 1, 500'000'000, 10'000'000}[static_cast<size_t>(random.Below(4))]);
      break;
    }
    case Type::kText:
      reflection.SetString(&lead, descriptor, field.column.case_insensitive ? random.LowerText() : random.Text());
      break;
    case Type::kEnum:
      reflection.SetEnumValue(&lead, descriptor, random.Below(field.enum_type->value_count()));
      break;
    case Type::kTime:
      static_cast<google::protobuf::Timestamp&>(*reflection.MutableMessage(&lead, descriptor)) = ToTimestamp(
          kNow + std::chrono::hours(24) * (random.Below(9) - 4) + std::chrono::microseconds(random.Below(3) - 1));
      break;
    case Type::kDate:
      static_cast<google::type::Date&>(*reflection.MutableMessage(&lead, descriptor)) =
          ToDate(std::chrono::floor<std::chrono::days>(kNow) + std::chrono::days(random.Below(9) - 4));
      break;
    case Type::kReference:
      reflection.SetString(&lead, descriptor, random.Name(field));
      break;
    case Type::kReferenceSet:
    case Type::kTextSet:
      for (int i = random.Below(3); i > 0; --i) {
        reflection.AddString(&lead, descriptor,
                             field.type == Type::kTextSet ? random.Text() + "x" : random.Name(field));
      }
      break;
    case Type::kCustom:
      for (int i = random.Below(4); i > 0; --i) (*lead.mutable_custom_fields())[random.Key()] = CustomValue(random);
      break;
    case Type::kEnumSet:
      FAIL() << "leads have none";
  }
}

Lead RandomLead(Random& random, const filter::Schema& schema, int number) {
  Lead lead;
  for (const auto& [path, field] : schema.fields()) {
    if (field->chain[0]->name() != "pipeline" && random.Chance(70)) Fill(random, *field, lead);
  }
  // What the service sees to: a lead's pipeline is its stage's, and two times are always there.
  if (!lead.stage().empty()) lead.set_pipeline(lead.stage().substr(0, lead.stage().find("/stages/")));
  for (const char* path : {"open_time", "create_time", "update_time"}) {
    const FieldDescriptor* field = Lead::descriptor()->FindFieldByName(path);
    if (!lead.GetReflection()->HasField(lead, field)) Fill(random, *schema.Find(path), lead);
  }
  const std::string digits = std::to_string(number);
  lead.set_name("leads/018f0000-0000-7000-8000-" + std::string(12 - digits.size(), '0') + digits);
  return lead;
}

/// In quotes, now and then with a wildcard.
std::string Quoted(Random& random, const std::string& text) {
  std::string quoted = "\"";
  if (random.Chance(15)) quoted += '*';
  for (const char c : text) {
    if (c == '"' || c == '\\' || (c == '*' && random.Chance(50))) quoted += '\\';
    quoted += c;
    if (random.Chance(5)) quoted += '*';
  }
  return quoted + (random.Chance(15) ? "*\"" : "\"");
}

std::string RandomTextTest(Random& random, const std::string& field, const std::string& text) {
  if (!random.Chance(60)) return field + random.Pick({"=", "!=", ":"}) + Quoted(random, text);
  std::string quoted;
  for (const char c : text) quoted += (c == '"' || c == '\\' || c == '*' ? "\\" : "") + std::string(1, c);
  return field + random.Pick({"=", "!=", "<", "<=", ">", ">=", ":"}) + "\"" + quoted + "\"";
}

std::string RandomCustomTest(Random& random, const std::string& field) {
  if (random.Chance(5)) return field + ":*";
  if (random.Chance(15)) return field + ":\"" + random.Key() + "\"";
  const std::string path = field + ".\"" + random.Key() + "\"";
  const std::string comparator = random.Pick({"=", "!=", "<", "<=", ">", ">=", ":"});
  switch (random.Below(4)) {
    case 0:
      return path + random.Pick({"=", "!=", ":"}) + random.Pick({"true", "false", "*"});
    case 1:
      return path + comparator + random.Double();
    default:
      return RandomTextTest(random, path, random.Text());
  }
}

std::string RandomTest(Random& random, const filter::Field& field) {
  const std::string equal = field.path + random.Pick({" = ", " != ", ":"});
  const std::string compare = field.path + random.Pick({" = ", " != ", " < ", " <= ", " > ", " >= ", ":"});
  const bool number = field.type == Type::kBool || field.type == Type::kInt || field.type == Type::kDouble;
  if (!number && random.Chance(10)) return random.Chance(50) ? field.path + ":*" : "is_set(" + field.path + ")";
  switch (field.type) {
    case Type::kBool:
      return random.Chance(30) ? field.path : equal + random.Pick({"true", "false"});
    case Type::kInt:
      return compare + random.Number();
    case Type::kDouble:
      return compare + random.Double();
    case Type::kMoney:
      return compare + random.Amount();
    case Type::kText:
      return RandomTextTest(random, field.path, field.column.case_insensitive ? random.LowerText() : random.Text());
    case Type::kEnum: {
      const int value = 1 + random.Below(field.enum_type->value_count() - 1);
      return equal + filter::ShortName(*field.enum_type->value(value));
    }
    case Type::kTime:
    case Type::kDate:
      if (random.Chance(40)) {
        const std::string function = random.Pick({"older_than", "newer_than", "within_next"});
        return function + "(" + field.path + ", " + random.Pick({"0s", "1d", "2d", "25h", "86400s", "1w", "1m"}) + ")";
      }
      if (random.Chance(20)) return compare + "now";
      return compare + (field.type == Type::kTime && random.Chance(80) ? random.TimeText() : random.DateText());
    case Type::kReference:
      return random.Chance(10) ? field.path + random.Pick({" = ", " != "}) + "\"\"" : equal + random.Name(field);
    case Type::kReferenceSet:
      return field.path + ":" + random.Name(field);
    case Type::kTextSet: {
      std::string text;
      for (const char c : random.Text() + "x")
        text += (c == '"' || c == '\\' || c == '*' ? "\\" : "") + std::string(1, c);
      return field.path + ":\"" + text + "\"";
    }
    case Type::kCustom:
      return RandomCustomTest(random, field.path);
    case Type::kEnumSet:
      break;
  }
  return field.path;
}

std::string RandomFilter(Random& random, const std::vector<const filter::Field*>& fields, int depth) {
  const int shape = random.Below(depth > 0 ? 12 : 6);
  const auto inner = [&] { return RandomFilter(random, fields, depth - 1); };
  switch (shape) {
    case 6:
    case 7:
      return inner() + " AND " + inner();
    case 8:
      return inner() + " " + inner();
    case 9:
      return "(" + inner() + ") OR (" + inner() + ")";
    case 10:
      return "NOT (" + inner() + ")";
    case 11:
      return "(" + inner() + " OR " + inner() + ")";
    default: {
      const bool resolved = random.Chance(8);
      if (resolved)
        return random.Pick({"stage.display_name", "owner.display_name"}) + random.Pick({" = ", " != "}) +
               random.Pick({"one", "two", "none"});
      return RandomTest(random, *fields[static_cast<size_t>(random.Below(static_cast<int>(fields.size())))]);
    }
  }
}

absl::StatusOr<std::vector<std::string>> Resolve(const std::string& type, const std::string&,
                                                 const std::string& value) {
  const std::string prefix = type == "embudo.dev/Stage" ? "pipelines/a/stages/" : "users/";
  if (value == "none") return std::vector<std::string>();
  if (value == "one") return std::vector<std::string>{prefix + "b"};
  return std::vector<std::string>{prefix + "b", prefix + "a"};
}

class FilterProperty : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = testing::Postgres::Shared().CreateDatabase({{"pipeline", &pipeline::storage::Migrations()}});
    auto connection = db::Connection::Open(db::ConninfoFor(database_->conninfo(), "postgres", "filter-test"));
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = std::move(connection).value();
  }

  /// A copy of the table of leads, filled with the leads: without constraints, so that a lead may be anything, and in
  /// the collation of a language, so that the order of texts must not lean on the database's.
  void Store(const std::vector<Lead>& leads) {
    const absl::Status created = connection_->ExecScript(R"(
        CREATE TABLE random_lead (LIKE pipeline.lead);
        DO $$
        DECLARE name text;
        BEGIN
          FOR name IN SELECT attname FROM pg_attribute
                      WHERE attrelid = 'random_lead'::regclass AND atttypid = 'text'::regtype AND attnum > 0 LOOP
            EXECUTE format('ALTER TABLE random_lead ALTER %I TYPE text COLLATE "en-x-icu"', name);
          END LOOP;
        END $$)");
    ASSERT_TRUE(created.ok()) << created;
    auto rows = resource::Rows::For(*connection_, table_, "random_lead");
    ASSERT_TRUE(rows.ok()) << rows.status();
    for (const Lead& lead : leads) rows->Add("tenant", {std::make_unique<Lead>(lead), 1, 1});
    const auto stored = connection_->Exec("INSERT INTO random_lead SELECT * FROM unnest($1::random_lead[])",
                                          db::Params::Of(rows->Finish()));
    ASSERT_TRUE(stored.ok()) << stored.status();
    ASSERT_EQ(stored->affected(), static_cast<int64_t>(leads.size()));
  }

  /// The names of the leads that PostgreSQL finds.
  std::set<std::string> Find(const filter::Filter& filter) {
    // Parameters of the caller's come before those of the filter.
    const filter::Sql sql = filter.ToSql(2, kNow);
    db::Params params = db::Params::Of("tenant");
    for (const std::string& parameter : sql.parameters) params.Add(parameter);
    const auto rows = connection_->ExecVarying(
        "SELECT l.lead_id FROM random_lead l WHERE l.tenant_id = $1 AND " + sql.clause, params);
    EXPECT_TRUE(rows.ok()) << rows.status() << "\n" << sql.clause;
    std::set<std::string> names;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) names.insert("leads/" + std::string((*rows)[i].Text(0)));
    return names;
  }

  const resource::Table& table_ = pipeline::storage::LeadTable();
  const filter::Schema schema_ = resource::SchemaOf(table_, "l", {});
  std::unique_ptr<testing::Database> database_;
  std::unique_ptr<db::Connection> connection_;
};

TEST_F(FilterProperty, BothBackEndsAgree) {
  const char* given = std::getenv("EMBUDO_TEST_SEED");  // NOLINT(concurrency-mt-unsafe): no other thread yet
  const uint64_t seed = given == nullptr ? 1 : std::stoull(given);
  SCOPED_TRACE("EMBUDO_TEST_SEED=" + std::to_string(seed));
  Random random(seed);

  std::vector<Lead> leads;
  for (int i = 0; i < kLeads; ++i) leads.push_back(RandomLead(random, schema_, i));
  ASSERT_NO_FATAL_FAILURE(Store(leads));

  std::vector<const filter::Field*> fields;
  for (const auto& [path, field] : schema_.fields()) fields.push_back(field.get());
  const filter::Schema in_memory = filter::Schema::InMemory(Lead::descriptor());
  int refused = 0;
  int telling = 0;
  std::set<std::string> read;
  for (int i = 0; i < kFilters && !HasFailure(); ++i) {
    const std::string text = RandomFilter(random, fields, 3);
    const auto filter = filter::Filter::Compile(text, schema_, Resolve);
    const auto other = filter::Filter::Compile(text, in_memory, Resolve);
    ASSERT_EQ(filter.status(), other.status()) << text;
    if (!filter.ok()) {
      ++refused;
      continue;
    }
    read.insert(filter->fields().begin(), filter->fields().end());
    const std::set<std::string> found = Find(*filter);
    for (const Lead& lead : leads) {
      const bool wanted = found.count(lead.name()) > 0;
      ASSERT_EQ(filter->Matches(lead, kNow), wanted) << text << "\n"
                                                     << filter->ToSql(1, kNow).clause << "\n"
                                                     << lead.DebugString();
      ASSERT_EQ(other->Matches(lead, kNow), wanted) << text;
    }
    telling += !found.empty() && found.size() < leads.size() ? 1 : 0;
  }
  // The test is worth something only if most filters are good, and tell leads apart.
  EXPECT_LT(refused, kFilters / 10);
  EXPECT_GT(telling, kFilters / 2);
  for (const filter::Field* field : fields) {
    EXPECT_TRUE(field->type == Type::kCustom || read.count(field->path) > 0) << field->path;
  }
}

}  // namespace
}  // namespace embudo
