#include "services/pipeline/rpc/lead_place.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/pipeline/logic/rank.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;

/// Cards that share one rank, at most, that are told apart at once.
constexpr int kTied = 100;

bool IsCard(const Lead& lead) {
  return lead.kind() == Lead::KIND_OPPORTUNITY && lead.state() != Lead::STATE_LOST && !lead.archived() &&
         !lead.has_delete_time();
}

/// A card's place; cards of one rank stand by id.
struct Place {
  std::string rank;
  std::string id;

  auto operator<=>(const Place&) const = default;
};

/// The cards of one column, whoever sees them, without the one that is being placed: as they are in the database, and
/// as the batch will leave them.
class Column {
 public:
  Column(Records& records, const CallContext& call, const Planned& planned, const Lead& placed)
      : records_(records), call_(call), stage_(placed.stage()), excluded_({IdOf(placed.name())}) {
    for (const auto& [name, lead] : planned) {
      if (name == placed.name()) continue;
      excluded_.push_back(IdOf(name));
      if (IsCard(lead) && lead.stage() == stage_) planned_.push_back({lead.rank(), IdOf(name)});
    }
    std::sort(planned_.begin(), planned_.end());
  }

  absl::StatusOr<std::optional<Place>> First() const { return Nearest(Place(), true); }
  absl::StatusOr<std::optional<Place>> Next(const Place& place) const { return Nearest(place, true); }
  absl::StatusOr<std::optional<Place>> Previous(const Place& place) const { return Nearest(place, false); }

  /// The cards of the same rank that stand behind `place`.
  absl::StatusOr<std::vector<resource::Record>> TiedBehind(const Place& place) const {
    const resource::Table& table = storage::LeadTable();
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, Query("SELECT " + table.SelectList("t"),
                                                         "t.rank = $5 AND t.lead_id > $6::uuid", place, true, kTied));
    std::vector<resource::Record> records;
    for (int i = 0; i < rows.size(); ++i) records.push_back(table.Read(rows[i]));
    return records;
  }
  /// The first card of a higher rank; its rank, or nothing.
  absl::StatusOr<std::string> RankAbove(const Place& place) const {
    EMBUDO_ASSIGN_OR_RETURN(const auto next, Nearest({place.rank, "ffffffff-ffff-ffff-ffff-ffffffffffff"}, true));
    return next ? next->rank : std::string();
  }

 private:
  absl::StatusOr<std::optional<Place>> Nearest(const Place& from, bool forwards) const {
    const std::string id = from.id.empty() ? Uuid().ToString() : from.id;
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, Query("SELECT t.rank, t.lead_id",
                                                         forwards ? "(t.rank, t.lead_id) > ($5, $6::uuid)"
                                                                  : "(t.rank, t.lead_id) < ($5, $6::uuid)",
                                                         {from.rank, id}, forwards, 1));
    std::optional<Place> nearest;
    if (!rows.empty()) nearest = Place{std::string(rows[0].Text(0)), std::string(rows[0].Text(1))};
    for (const Place& place : planned_) {
      const bool beyond = forwards ? from < place : place < from;
      if (beyond && (!nearest || (forwards ? place < *nearest : *nearest < place))) nearest = place;
    }
    return nearest;
  }

  absl::StatusOr<db::Result> Query(const std::string& select, const std::string& where, const Place& place,
                                   bool forwards, int limit) const {
    const std::vector<std::string> ids = *storage::StageTable().pattern().Match(stage_);
    const std::string order = forwards ? "t.rank, t.lead_id" : "t.rank DESC, t.lead_id DESC";
    return db::Exec(records_.pool(), call_.tenant(), call_.deadline,
                    select +
                        " FROM pipeline.lead t WHERE t.tenant_id = $1 AND t.pipeline_id = $2 AND t.stage_id = $3"
                        " AND t.state <> 'LOST' AND NOT t.archived AND t.delete_time IS NULL"
                        " AND t.lead_id <> ALL($4::uuid[]) AND " +
                        where + " ORDER BY " + order + " LIMIT " + std::to_string(limit),
                    db::Params::Of(call_.tenant(), ids[0], ids[1], excluded_, place.rank, place.id));
  }

  Records& records_;
  const CallContext& call_;
  const std::string stage_;
  std::vector<std::string> excluded_;
  std::vector<Place> planned_;
};

/// The card that the request names, by the field's name; the lead is in its column by now.
absl::StatusOr<Place> Neighbour(Records& records, const CallContext& call, const std::string& field,
                                const std::string& name, const Planned& planned, const Lead& lead) {
  const absl::StatusOr<resource::Record> loaded = records.leads().Load(call, name);
  const absl::StatusCode code = loaded.status().code();
  if (code == absl::StatusCode::kNotFound || code == absl::StatusCode::kInvalidArgument) {
    return InvalidField(field, "there is no " + name);
  }
  if (!loaded.ok()) return loaded.status();
  const auto& stored = static_cast<const Lead&>(*loaded->message);
  const auto changed = planned.find(stored.name());
  const Lead& card = changed == planned.end() ? stored : changed->second;
  if (card.name() == lead.name()) return InvalidField(field, "is the card itself");
  if (!IsCard(card) || card.stage() != lead.stage()) {
    return InvalidField(field, name + " is no card of " + lead.stage());
  }
  return Place{card.rank(), IdOf(card.name())};
}

absl::Status NoRoom(const Place& place) { return Internal("no room behind the rank " + place.rank); }

/// Between a card and others of the same rank: those get ranks of their own, in the order in which they stand.
absl::Status PlaceAmongTied(Records& records, const CallContext& call, const Column& column, const Place& behind,
                            Lead& lead, std::vector<resource::Change>* also) {
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Record> tied, column.TiedBehind(behind));
  EMBUDO_ASSIGN_OR_RETURN(const std::string end, column.RankAbove(behind));
  std::optional<std::string> rank = logic::RankBetween(behind.rank, end, IdOf(lead.name()));
  if (!rank) return NoRoom(behind);
  lead.set_rank(*rank);
  for (const resource::Record& record : tied) {
    auto card = std::make_unique<Lead>(static_cast<const Lead&>(*record.message));
    rank = logic::RankBetween(*rank, end, IdOf(card->name()));
    if (!rank) return NoRoom(behind);
    card->set_rank(*rank);
    auto change = records.leads().ChangeOf(call, record, std::move(card), type::v1::EVENT_TYPE_LEAD_UPDATED);
    if (change) also->push_back(*std::move(change));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PlaceOnTop(Records& records, const CallContext& call, const Planned& planned, Lead& lead) {
  const std::string id = IdOf(lead.name());
  std::string rank = logic::FreshRank(records.clock().Now(), id);
  EMBUDO_ASSIGN_OR_RETURN(const auto first, Column(records, call, planned, lead).First());
  // It is the first by its time, unless another came in the same microsecond or by a clock that is ahead.
  if (first && first->rank <= rank) rank = logic::RankBetween("", first->rank, id).value_or(rank);
  lead.set_rank(rank);
  return absl::OkStatus();
}

absl::Status PlaceBeside(Records& records, const CallContext& call, const v1::MoveLeadRequest& request,
                         const Planned& planned, Lead& lead, std::vector<resource::Change>* also) {
  const bool after = !request.after().empty();
  EMBUDO_ASSIGN_OR_RETURN(const Place card, Neighbour(records, call, after ? "after" : "before",
                                                      after ? request.after() : request.before(), planned, lead));
  const Column column(records, call, planned, lead);
  EMBUDO_ASSIGN_OR_RETURN(const auto other, after ? column.Next(card) : column.Previous(card));
  if (!after && !other) return PlaceOnTop(records, call, planned, lead);
  const Place& low = after ? card : *other;
  const std::string high = after ? (other ? other->rank : "") : card.rank;
  if (low.rank == high) return PlaceAmongTied(records, call, column, low, lead, also);
  const auto rank = logic::RankBetween(low.rank, high, IdOf(lead.name()));
  if (!rank) return NoRoom(low);
  lead.set_rank(*rank);
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
