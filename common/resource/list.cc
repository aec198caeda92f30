// Resource::List: filters, order and keyset pages (AIP-132, AIP-158, AIP-160).

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/filter/order_by.h"
#include "common/resource/resource.h"
#include "google/protobuf/struct.pb.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

// One column of the order: an SQL expression that is never NULL, and the type to cast a page token's value to.
struct SortKey {
  std::string expression;
  std::string cast;
  bool descending = false;
};

SortKey KeyOfColumn(const Table& table, const std::string& alias, const std::string& column, bool descending) {
  const bool uuid = table.uuid_key() && (column == table.key_columns().back() || column == "lead_id");
  return {alias + "." + column, uuid ? "uuid" : "text", descending};
}

SortKey KeyOfField(const filter::Field& field, bool descending) {
  const auto nullable = [&](const std::string& cast, const std::string& lowest) {
    return SortKey{"coalesce(" + field.sql + ", '" + lowest + "'::" + cast + ")", cast, descending};
  };
  switch (field.type) {
    case filter::Type::kTime:
      if (field.path == "create_time" || field.path == "update_time" || field.path == "open_time") {
        return {field.sql, "timestamptz", descending};
      }
      return nullable("timestamptz", "-infinity");
    case filter::Type::kDate:
      return nullable("date", "-infinity");
    case filter::Type::kMoney:
      return nullable("numeric", "0");
    case filter::Type::kInt:
      return {field.sql, "bigint", descending};
    case filter::Type::kDouble:
      return {field.sql, "float8", descending};
    case filter::Type::kBool:
      return {field.sql, "boolean", descending};
    default:
      break;
  }
  if (field.id_columns.empty()) return nullable("text", "");
  std::string ids;
  for (const std::string& column : field.id_columns) {
    ids += (ids.empty() ? "" : " || '/' || ") + std::string("coalesce(") + column + "::text, '')";
  }
  return {"(" + ids + ")", "text", descending};
}

int PageSize(const Message& request) {
  const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName("page_size");
  const int size = request.GetReflection()->GetInt32(request, field);
  return size == 0 ? kDefaultPageSize : std::min(size, kMaxPageSize);
}

// What a page token belongs to: the whole request but the page, and the tenant.
std::string QueryHash(const rpc::CallContext& call, const Message& request) {
  std::unique_ptr<Message> query(request.New());
  query->CopyFrom(request);
  for (const char* field : {"page_token", "page_size"}) {
    query->GetReflection()->ClearField(query.get(), query->GetDescriptor()->FindFieldByName(field));
  }
  return HashRequest(call.method + call.tenant(), *query).substr(0, 12);
}

std::string MakeToken(const std::string& hash, const db::Row& row, int first, size_t count) {
  google::protobuf::ListValue token;
  token.add_values()->set_string_value(absl::BytesToHexString(hash));
  for (size_t i = 0; i < count; ++i) {
    token.add_values()->set_string_value(std::string(row.Text(first + static_cast<int>(i))));
  }
  return absl::WebSafeBase64Escape(token.SerializeAsString());
}

absl::StatusOr<std::vector<std::string>> ReadToken(const std::string& text, const std::string& hash, size_t count) {
  std::string bytes;
  google::protobuf::ListValue token;
  std::vector<std::string> values;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || !token.ParseFromString(bytes) || token.values_size() == 0) {
    return InvalidField("page_token", "is no token that this service made");
  }
  if (token.values(0).string_value() != absl::BytesToHexString(hash) ||
      token.values_size() != static_cast<int>(count) + 1) {
    return Error(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_MISMATCH",
                 "page_token: belongs to another query; every field but page_size must be as it was")
        .Field("page_token", "belongs to another query")
        .ToStatus();
  }
  for (int i = 1; i < token.values_size(); ++i) values.push_back(token.values(i).string_value());
  return values;
}

// `(a, b) < ($1, $2)` where all keys go one way, which an index answers; else the equal expansion by OR.
std::string AfterClause(const std::vector<SortKey>& keys, int first_parameter) {
  const auto parameter = [&](size_t i) {
    return "$" + std::to_string(first_parameter + static_cast<int>(i)) + "::" + keys[i].cast;
  };
  const bool one_way =
      std::all_of(keys.begin(), keys.end(), [&](const SortKey& key) { return key.descending == keys[0].descending; });
  if (one_way) {
    std::string left;
    std::string right;
    for (size_t i = 0; i < keys.size(); ++i) {
      left += (i > 0 ? ", " : "") + keys[i].expression;
      right += (i > 0 ? ", " : "") + parameter(i);
    }
    return "(" + left + ") " + (keys[0].descending ? "<" : ">") + " (" + right + ")";
  }
  std::string out;
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string term;
    for (size_t j = 0; j < i; ++j) term += keys[j].expression + " = " + parameter(j) + " AND ";
    term += keys[i].expression + (keys[i].descending ? " < " : " > ") + parameter(i);
    out += (i > 0 ? " OR (" : "(") + term + ")";
  }
  return "(" + out + ")";
}

}  // namespace

filter::Schema SchemaOf(const Table& table, const std::string& alias,
                        const std::vector<std::string>& case_insensitive) {
  filter::Schema schema(table.descriptor());
  const auto column = [&](size_t index) { return alias + "." + table.columns()[index]; };
  for (const Field& field : table.fields()) {
    const std::string& name = field.descriptor->name();
    filter::Column how;
    how.case_insensitive = std::find(case_insensitive.begin(), case_insensitive.end(), name) != case_insensitive.end();
    how.uuid_ids = !field.resource_type.empty() && HasUuidIds(field.resource_type);
    if (field.kind == Kind::kReference) {
      std::vector<std::string> ids;
      for (const size_t index : field.columns) ids.push_back(column(index));
      schema.AddReference(name, ids, how);
    } else if (field.kind != Kind::kJson || field.descriptor->is_map()) {
      const Field* converted = table.FindField("converted_" + name);
      const std::string own = column(field.columns[0]);
      schema.AddField(name, converted == nullptr ? own : "coalesce(" + column(converted->columns[0]) + ", " + own + ")",
                      how);
    }
  }
  return schema;
}

absl::Status Resource::List(const rpc::CallContext& call, const Message& request, Message& response) const {
  const Time now = clock_.Now();
  std::string where = "t.tenant_id = $1";
  db::Params params = db::Params::Of(call.tenant());

  if (table_.key_columns().size() > 1) {
    const std::string& text = table_.pattern().text();
    const std::string parent_text = text.substr(0, text.rfind('/', text.rfind('/') - 1));
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                            ParseName(ResourcePattern(parent_text), GetText(request, "parent"), "parent"));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == "-") continue;  // AIP-159: across all parents
      params.Add(ids[i]);
      where += " AND t." + table_.key_columns()[i] + "::text = $" + std::to_string(params.size());
    }
  }
  const FieldDescriptor* show_deleted = request.GetDescriptor()->FindFieldByName("show_deleted");
  if (table_.has_column("delete_time") && show_deleted != nullptr &&
      !request.GetReflection()->GetBool(request, show_deleted)) {
    where += " AND t.delete_time IS NULL";
  }

  if (rules_.visible_sql) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string visible, rules_.visible_sql(call, params));
    if (!visible.empty()) where += " AND " + visible;
  }

  EMBUDO_ASSIGN_OR_RETURN(
      const filter::Filter filter,
      filter::Filter::Compile(GetText(request, "filter"), schema_, resolver_ ? resolver_(call) : filter::Resolver()));
  const filter::Sql sql = filter.ToSql(params.size() + 1, now);
  for (const std::string& parameter : sql.parameters) params.Add(parameter);
  where += " AND " + sql.clause;

  std::string order_text = GetText(request, "order_by");
  if (order_text.empty()) order_text = rules_.default_order;
  EMBUDO_ASSIGN_OR_RETURN(const auto order, filter::ParseOrderBy(order_text, schema_));
  std::vector<SortKey> keys;
  for (const auto& term : order) keys.push_back(KeyOfField(*term.field, term.descending));
  const bool descending = !keys.empty() && keys[0].descending;
  for (const std::string& column : table_.key_columns()) keys.push_back(KeyOfColumn(table_, "t", column, descending));

  const std::string hash = QueryHash(call, request);
  const std::string token = GetText(request, "page_token");
  if (!token.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> values, ReadToken(token, hash, keys.size()));
    where += " AND " + AfterClause(keys, params.size() + 1);
    for (const std::string& value : values) params.Add(value);
  }

  std::string select = table_.SelectList("t");
  std::string order_by;
  for (const SortKey& key : keys) {
    select += ", " + key.expression + "::text";
    order_by += (order_by.empty() ? "" : ", ") + key.expression + (key.descending ? " DESC" : "");
  }
  const int size = PageSize(request);
  const auto run = [&]() -> absl::StatusOr<db::Result> {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    return lease->ExecOnce("SELECT " + select + " FROM " + table_.name() + " t WHERE " + where + " ORDER BY " +
                               order_by + " LIMIT " + std::to_string(size + 1),
                           params);
  };
  // The connection is given back before `visible`, which may need one: a thread holds one at a time.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, run());

  const FieldDescriptor* items = response.GetDescriptor()->field(0);
  for (int i = 0; i < std::min(rows.size(), size); ++i) {
    Record record = table_.Read(rows[i]);
    if (rules_.visible && !rules_.visible_sql && !rules_.visible(call, *record.message)) continue;
    Derive(call, *record.message);
    response.GetReflection()->AddAllocatedMessage(&response, items, record.message.release());
  }
  if (rows.size() > size) {
    const int first = static_cast<int>(table_.columns().size()) + 2;
    SetText(&response, "next_page_token", MakeToken(hash, rows[size - 1], first, keys.size()));
  }
  return absl::OkStatus();
}

}  // namespace embudo::resource
