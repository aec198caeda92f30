#include "services/pipeline/rpc/kanban.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/base/resource_id.h"
#include "common/resource/page.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;
using type::v1::Stage;

constexpr int kStandardCards = 20;
constexpr int kMostCards = 200;

/// The columns of a kanban board hold these leads; $1 is the tenant, $2 the pipeline.
constexpr char kCards[] =
    "t.tenant_id = $1 AND t.pipeline_id = $2 AND t.state <> 'LOST' AND NOT t.archived AND t.delete_time IS NULL";
/// What one of them adds to its column's figures, as pipeline.kanban_of.
constexpr char kFiguresOfCard[] =
    "t.stage_id, 1::bigint AS cards, coalesce(t.converted_expected_revenue, 0) AS expected_revenue,"
    " coalesce(t.converted_expected_revenue, 0) * t.probability::numeric / 100 AS weighted_revenue,"
    " coalesce(t.converted_recurring_revenue, 0) / greatest(t.recurring_months, 1) AS recurring_revenue";
constexpr char kKept[] = "t.stage_id, t.cards, t.expected_revenue, t.weighted_revenue, t.recurring_revenue";

/// One row a column and part of the figures. With a filter they are counted; without one they are kept, by owner and
/// team, and only what is shared with the caller beyond those is counted.
std::string FiguresSql(const Sight& sight, const std::string& seen, const filter::Sql& filter, bool filtered,
                       db::Params& params) {
  if (filtered || (!sight.all && sight.user.empty())) {
    return std::string("SELECT ") + kFiguresOfCard + " FROM pipeline.lead t WHERE " + kCards + seen + " AND " +
           filter.clause;
  }
  const std::string own = sight.OwnSql("t", params);
  const auto kept = [&](const std::string& table) {
    return std::string("SELECT ") + kKept + " FROM " + table + " t WHERE t.tenant_id = $1 AND t.pipeline_id = $2" +
           (own.empty() ? "" : " AND " + own);
  };
  std::string sql = kept("pipeline.kanban_total") + " UNION ALL " + kept("pipeline.kanban_delta");
  if (sight.all) return sql;
  // The first condition is the one of the index on leads that are shared at all.
  return sql + " UNION ALL SELECT " + kFiguresOfCard + " FROM pipeline.lead t WHERE " + kCards +
         " AND (t.collaborators <> '{}' OR t.followers <> '{}') AND " + sight.SharedSql("t", params) +
         " AND NOT coalesce(" + own + ", false)";
}

absl::StatusOr<std::vector<Stage>> StagesOf(Records& records, const CallContext& call,
                                            const v1::GetKanbanRequest& request) {
  std::vector<Stage> stages;
  EMBUDO_RETURN_IF_ERROR(records.WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
    if (!scene.catalog.pipelines.contains(request.pipeline())) {
      return NotFound("embudo.dev/Pipeline", request.pipeline());
    }
    for (const Stage& stage : scene.catalog.StagesOf(request.pipeline())) {
      if (request.stage().empty() || request.stage() == stage.name()) stages.push_back(stage);
    }
    if (stages.empty() && !request.stage().empty()) {
      return InvalidField("stage", "there is no " + request.stage() + " in " + request.pipeline());
    }
    return absl::OkStatus();
  }));
  return stages;
}

/// A column's pages are those of a request for that column alone.
std::string ColumnHash(const CallContext& call, const v1::GetKanbanRequest& request, const std::string& stage) {
  v1::GetKanbanRequest column = request;
  column.set_stage(stage);
  return resource::QueryHash(call, column);
}

absl::StatusOr<google::type::Money> Sum(std::string_view numeric, const std::string& currency) {
  return MoneyFromNumeric(numeric, currency);
}

/// Reads the rows: of each column its figures, and one card.
class Board {
 public:
  Board(Records& records, const CallContext& call, const v1::GetKanbanRequest& request, const KanbanQuery& query,
        std::string currency)
      : records_(records), call_(call), request_(request), query_(query), currency_(std::move(currency)) {
    cards_.resize(query.stages.size());
    for (const Stage& stage : query.stages) {
      Stage* shown = response_.add_columns()->mutable_stage();
      *shown = stage;
      records.stages().Derive(call, *shown);
    }
  }

  absl::Status Read(const db::Row& row) {
    const int at = static_cast<int>(row.Int(0)) - 1;
    std::vector<std::unique_ptr<Lead>>& cards = cards_[static_cast<size_t>(at)];
    // Every row of a column has the same figures.
    if (cards.empty()) EMBUDO_RETURN_IF_ERROR(ReadFigures(row, *response_.mutable_columns(at)));
    constexpr int kFirst = 5;
    if (query_.size == 0 || row.IsNull(kFirst)) return absl::OkStatus();
    resource::Record record = storage::LeadTable().Read(row, kFirst + 1);
    cards.emplace_back(static_cast<Lead*>(record.message.release()));
    return absl::OkStatus();
  }

  v1::GetKanbanResponse Finish() {
    for (int i = 0; i < response_.columns_size(); ++i) {
      v1::KanbanColumn& column = *response_.mutable_columns(i);
      std::vector<std::unique_ptr<Lead>>& cards = cards_[static_cast<size_t>(i)];
      std::sort(cards.begin(), cards.end(), [](const auto& a, const auto& b) {
        return std::tie(a->rank(), a->name()) < std::tie(b->rank(), b->name());
      });
      for (std::unique_ptr<Lead>& card : cards) {
        if (column.cards_size() == query_.size) {
          const Lead& last = column.cards(query_.size - 1);
          column.set_next_page_token(resource::MakePageToken(ColumnHash(call_, request_, column.stage().name()),
                                                             {last.rank(), IdOf(last.name())}));
          break;
        }
        records_.leads().Derive(call_, *card);
        query_.mask.Apply(*card);
        column.mutable_cards()->AddAllocated(card.release());
      }
    }
    return std::move(response_);
  }

 private:
  absl::Status ReadFigures(const db::Row& row, v1::KanbanColumn& column) const {
    column.set_count(row.Int(1));
    EMBUDO_ASSIGN_OR_RETURN(*column.mutable_expected_revenue(), Sum(row.Text(2), currency_));
    EMBUDO_ASSIGN_OR_RETURN(*column.mutable_weighted_revenue(), Sum(row.Text(3), currency_));
    EMBUDO_ASSIGN_OR_RETURN(*column.mutable_recurring_revenue(), Sum(row.Text(4), currency_));
    return absl::OkStatus();
  }

  Records& records_;
  const CallContext& call_;
  const v1::GetKanbanRequest& request_;
  const KanbanQuery& query_;
  const std::string currency_;
  v1::GetKanbanResponse response_;
  std::vector<std::vector<std::unique_ptr<Lead>>> cards_;
};

}  // namespace

absl::StatusOr<KanbanQuery> KanbanQueryOf(Records& records, const CallContext& call,
                                          const v1::GetKanbanRequest& request) {
  KanbanQuery query;
  EMBUDO_ASSIGN_OR_RETURN(query.stages, StagesOf(records, call, request));
  if (!request.counts_only()) query.size = resource::PageSize(request, kStandardCards, kMostCards);
  if (!request.page_token().empty() && request.stage().empty()) {
    return InvalidField("page_token", "is of one column; stage has to name it");
  }
  std::vector<std::string> ids;
  for (const Stage& stage : query.stages) ids.push_back(IdOf(stage.name()));
  query.params = db::Params::Of(call.tenant(), IdOf(request.pipeline()), ids);

  const Sight sight = records.SightOf(call);
  const std::string visible = sight.Sql("t", query.params);
  const std::string seen = visible.empty() ? "" : " AND " + visible;
  EMBUDO_ASSIGN_OR_RETURN(const filter::Filter compiled, records.leads().CompileFilter(call, request.filter()));
  const filter::Sql filter = compiled.ToSql(query.params.size() + 1, records.clock().Now());
  for (const std::string& parameter : filter.parameters) query.params.Add(parameter);

  const resource::Table& table = storage::LeadTable();
  query.sql =
      "WITH figures AS (SELECT f.stage_id, sum(f.cards) AS cards, sum(f.expected_revenue) AS expected_revenue,"
      " sum(f.weighted_revenue) AS weighted_revenue, sum(f.recurring_revenue) AS recurring_revenue FROM (" +
      FiguresSql(sight, seen, filter, !compiled.empty(), query.params) +
      ") f GROUP BY f.stage_id) SELECT s.ord, coalesce(f.cards, 0), round(coalesce(f.expected_revenue, 0), 9),"
      " round(coalesce(f.weighted_revenue, 0), 9), round(coalesce(f.recurring_revenue, 0), 9)";
  EMBUDO_ASSIGN_OR_RETURN(query.mask, resource::ReadMask::Of(request, table.descriptor()));
  const std::set<std::string> fields = query.mask.Reads({"rank"}, records.leads().rules().derived_from);
  if (query.size > 0) query.sql += ", c.lead_id, " + table.SelectList("c", fields);
  query.sql += " FROM unnest($3::text[]) WITH ORDINALITY AS s(stage_id, ord) LEFT JOIN figures f USING (stage_id)";
  if (query.size == 0) return query;
  std::string after;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(
        const std::vector<std::string> values,
        resource::ReadPageToken(request.page_token(), ColumnHash(call, request, request.stage()), 2));
    query.params.Add(values[0]).Add(values[1]);
    after = " AND (t.rank, t.lead_id) > ($" + std::to_string(query.params.size() - 1) + ", $" +
            std::to_string(query.params.size()) + "::uuid)";
  }
  query.sql += std::string(" LEFT JOIN LATERAL (SELECT t.* FROM pipeline.lead t WHERE ") + kCards +
               " AND t.stage_id = s.stage_id" + seen + " AND " + filter.clause + after +
               " ORDER BY t.rank, t.lead_id LIMIT " + std::to_string(query.size + 1) + ") c ON true";
  return query;
}

absl::StatusOr<v1::GetKanbanResponse> GetKanban(Records& records, const CallContext& call,
                                                const v1::GetKanbanRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const KanbanQuery query, KanbanQueryOf(records, call, request));
  std::string currency;
  EMBUDO_RETURN_IF_ERROR(records.WithScene(call, [&](const logic::Scene& scene) {
    currency = scene.catalog.tenant.currency_code();
    return absl::OkStatus();
  }));
  Board board(records, call, request, query, currency);
  const auto run = [&]() -> absl::StatusOr<db::Result> {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, records.pool().Acquire(call.tenant(), call.deadline));
    return lease->ExecVarying(query.sql, query.params);
  };
  // What is derived may need a connection too, and a thread holds one at a time.
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, run());
  for (int i = 0; i < rows.size(); ++i) EMBUDO_RETURN_IF_ERROR(board.Read(rows[i]));
  return board.Finish();
}

}  // namespace embudo::pipeline::rpc
