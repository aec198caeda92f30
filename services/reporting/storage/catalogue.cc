#include "services/reporting/storage/catalogue.h"

#include <google/protobuf/util/json_util.h>

#include "common/base/error.h"
#include "common/filter/schema.h"

namespace embudo::reporting::storage {
namespace {

constexpr char kRecords[] = "SELECT data FROM reporting.name WHERE tenant_id = $1 AND type = $2 ORDER BY name";
constexpr char kStages[] =
    "SELECT name, sequence, data ->> 'forecast_category' FROM reporting.name WHERE tenant_id = $1 AND type = 'Stage'";

}  // namespace

template <class Record>
absl::StatusOr<std::vector<Record>> LoadRecords(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kRecords, db::Params::Of(tenant, Record::descriptor()->name())));
  std::vector<Record> records;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  for (int i = 0; i < rows.size(); ++i) {
    Record record;
    if (!google::protobuf::util::JsonStringToMessage(std::string(rows[i].Text(0)), &record, options).ok()) {
      return Internal("a stored record that can't be parsed");
    }
    if (!record.has_delete_time()) records.push_back(std::move(record));
  }
  return records;
}

template absl::StatusOr<std::vector<type::v1::Campaign>> LoadRecords(db::Connection&, const std::string&);
template absl::StatusOr<std::vector<type::v1::ExchangeRate>> LoadRecords(db::Connection&, const std::string&);
template absl::StatusOr<std::vector<type::v1::Target>> LoadRecords(db::Connection&, const std::string&);

absl::StatusOr<std::map<std::string, StageInfo>> LoadStages(db::Connection& connection, const std::string& tenant) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kStages, db::Params::Of(tenant)));
  std::map<std::string, StageInfo> stages;
  constexpr std::string_view kPrefix = "FORECAST_CATEGORY_";
  for (int i = 0; i < rows.size(); ++i) {
    StageInfo& stage = stages[std::string(rows[i].Text(0))];
    stage.place = rows[i].Int(1);
    std::string category(rows[i].Text(2));
    if (category.starts_with(kPrefix)) category = category.substr(kPrefix.size());
    stage.forecast_category = category.empty() || category == "UNSPECIFIED" ? "PIPELINE" : category;
  }
  return stages;
}

}  // namespace embudo::reporting::storage
