// Resource::List: filters, order and keyset pages (AIP-132, AIP-158, AIP-160).

#include <algorithm>

#include "common/base/error.h"
#include "common/filter/order_by.h"
#include "common/resource/mask.h"
#include "common/resource/page.h"
#include "common/resource/resource.h"

namespace embudo::resource {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// A page ends before an answer grows beyond what a client takes (4 MiB).
constexpr size_t kPageBytes = 3 << 20;

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
    } else if (field.kind != Kind::kJson || filter::Schema::CanRead(*field.descriptor)) {
      const Field* converted = table.FindField("converted_" + name);
      const std::string own = column(field.columns[0]);
      schema.AddField(name, converted == nullptr ? own : "coalesce(" + column(converted->columns[0]) + ", " + own + ")",
                      how);
    }
  }
  return schema;
}

namespace {

/// The conditions on the ids of the parent that a list is of.
absl::Status AddParent(const Table& table, const std::string& parent, std::string& where, db::Params& params) {
  if (table.key_columns().size() == 1) return absl::OkStatus();
  const std::string& text = table.pattern().text();
  const std::string parent_text = text.substr(0, text.rfind('/', text.rfind('/') - 1));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ParseName(ResourcePattern(parent_text), parent, "parent"));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == "-") continue;  // AIP-159: across all parents
    const std::string& column = table.key_columns()[i];
    const bool uuid = column == "lead_id";
    if (uuid && !Uuid::Parse(ids[i])) {
      where += " AND false";
      continue;
    }
    params.Add(ids[i]);
    where += " AND t." + column + " = $" + std::to_string(params.size()) + (uuid ? "::uuid" : "");
  }
  return absl::OkStatus();
}

std::string ParentOf(const Message& request) {
  return request.GetDescriptor()->FindFieldByName("parent") == nullptr ? "" : GetText(request, "parent");
}

}  // namespace

absl::StatusOr<Resource::ListQuery> Resource::QueryOf(const rpc::CallContext& call, const Message& request,
                                                      const std::string& parent) const {
  // A caller without a tenant lists what the pool's role sees: nothing under row-level security, and records of all
  // tenants where a method for operators has a pool of the worker role.
  const bool of_installation = call.tenant().empty();
  std::string where = of_installation ? "true" : "t.tenant_id = $1";
  db::Params params = of_installation ? db::Params() : db::Params::Of(call.tenant());
  EMBUDO_RETURN_IF_ERROR(AddParent(table_, parent, where, params));
  const FieldDescriptor* show_deleted = request.GetDescriptor()->FindFieldByName("show_deleted");
  if (table_.has_column("delete_time") && show_deleted != nullptr &&
      !request.GetReflection()->GetBool(request, show_deleted)) {
    where += " AND t.delete_time IS NULL";
  }

  if (rules_.visible_sql) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string visible, rules_.visible_sql(call, params));
    if (!visible.empty()) where += " AND " + visible;
  }

  EMBUDO_ASSIGN_OR_RETURN(const filter::Filter filter, CompileFilter(call, GetText(request, "filter")));
  const filter::Sql sql = filter.ToSql(params.size() + 1, clock_.Now());
  for (const std::string& parameter : sql.parameters) params.Add(parameter);
  where += " AND " + sql.clause;

  std::string order_text = GetText(request, "order_by");
  if (order_text.empty()) order_text = rules_.default_order;
  EMBUDO_ASSIGN_OR_RETURN(const auto order, filter::ParseOrderBy(order_text, schema_));
  std::vector<SortKey> keys;
  for (const auto& term : order) keys.push_back(KeyOfField(*term.field, term.descending));
  const bool descending = !keys.empty() && keys[0].descending;
  for (const std::string& column : table_.key_columns()) keys.push_back(KeyOfColumn(table_, "t", column, descending));

  const std::string token = GetText(request, "page_token");
  if (!token.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> values,
                            ReadPageToken(token, QueryHash(call, request), keys.size()));
    where += " AND " + AfterClause(keys, params.size() + 1);
    for (const std::string& value : values) params.Add(value);
  }

  EMBUDO_ASSIGN_OR_RETURN(const ReadMask mask, ReadMask::Of(request, table_.descriptor()));
  std::string select = table_.SelectList("t", mask.Reads({}, rules_.derived_from));
  std::string order_by;
  for (const SortKey& key : keys) {
    select += ", " + key.expression + "::text";
    order_by += (order_by.empty() ? "" : ", ") + key.expression + (key.descending ? " DESC" : "");
  }
  return ListQuery{"SELECT " + select + " FROM " + table_.name() + " t WHERE " + where + " ORDER BY " + order_by +
                       " LIMIT " + std::to_string(PageSize(request) + 1),
                   std::move(params), keys.size()};
}

absl::Status Resource::List(const rpc::CallContext& call, const Message& request, Message& response) const {
  size_t keys = 0;
  // The connection is given back before `visible`, which may need one: a thread holds one at a time.
  const auto run = [&](const std::string& parent) -> absl::StatusOr<db::Result> {
    EMBUDO_ASSIGN_OR_RETURN(const ListQuery query, QueryOf(call, request, parent));
    keys = query.keys;
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(call.tenant(), call.deadline));
    return lease->ExecVarying(query.sql, query.params);
  };
  const std::string parent = ParentOf(request);
  EMBUDO_ASSIGN_OR_RETURN(db::Result rows, run(parent));
  if (rows.empty() && rules_.moved && !parent.ends_with("/-")) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string into, rules_.moved(call, parent));
    if (!into.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(rows, run(into));
    }
  }

  EMBUDO_ASSIGN_OR_RETURN(const ReadMask mask, ReadMask::Of(request, table_.descriptor()));
  const FieldDescriptor* items = response.GetDescriptor()->field(0);
  int size = std::min(rows.size(), PageSize(request));
  size_t bytes = 0;
  for (int i = 0; i < size; ++i) {
    Record record = table_.Read(rows[i]);
    if (rules_.visible && !rules_.visible_sql && !rules_.visible(call, *record.message)) continue;
    Derive(call, *record.message);
    mask.Apply(*record.message);
    bytes += record.message->ByteSizeLong();
    if (i > 0 && bytes > kPageBytes) {
      size = i;
      break;
    }
    response.GetReflection()->AddAllocatedMessage(&response, items, record.message.release());
  }
  if (rows.size() > size) {
    std::vector<std::string> values;
    const int first = static_cast<int>(table_.columns().size()) + 2;
    for (size_t i = 0; i < keys; ++i) values.emplace_back(rows[size - 1].Text(first + static_cast<int>(i)));
    SetText(&response, "next_page_token", MakePageToken(QueryHash(call, request), values));
  }
  return absl::OkStatus();
}

}  // namespace embudo::resource
