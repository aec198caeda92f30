#include "services/pipeline/rpc/bulk_upsert.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using v1::BulkResult;

constexpr int kMaxRaces = 10;

std::vector<ExternalKey> ExternalIdsOf(const Message& record) {
  std::vector<ExternalKey> keys;
  const FieldDescriptor* field = record.GetDescriptor()->FindFieldByName("external_ids");
  for (int i = 0; i < record.GetReflection()->FieldSize(record, field); ++i) {
    const Message& entry = record.GetReflection()->GetRepeatedMessage(record, field, i);
    keys.emplace_back(resource::GetText(entry, "system"), resource::GetText(entry, "id"));
  }
  return keys;
}

void Refuse(const absl::Status& status, BulkResult* result) {
  result->set_outcome(BulkResult::OUTCOME_REFUSED);
  *result->mutable_error() = ToRpcStatus(status);
}

/// The record that an item's external ids are of; nullptr if there is none.
absl::StatusOr<const resource::Record*> RecordOf(const std::map<ExternalKey, resource::Record>& found,
                                                 const std::vector<ExternalKey>& ids, bool by_every_id) {
  const resource::Record* record = nullptr;
  for (size_t i = 0; i < (by_every_id ? ids.size() : 1); ++i) {
    const auto at = found.find(ids[i]);
    if (at == found.end()) continue;
    if (record == nullptr) record = &at->second;
    const std::string other = resource::NameOf(*at->second.message);
    if (resource::NameOf(*record->message) == other) continue;
    return Error(absl::StatusCode::kAlreadyExists, "RECORDS_DIFFER",
                 "its ids are of two records, " + resource::NameOf(*record->message) + " and " + other +
                     ", which can be merged")
        .Meta("other", other);
  }
  return record;
}

/// Items and their changes, written in one statement if possible.
class Group {
 public:
  Group(resource::Writer& writer, const CallContext& call, const BulkRules& rules, BulkResult::Outcome outcome)
      : writer_(writer), call_(call), rules_(rules), outcome_(outcome) {}

  void Add(resource::Change change, BulkResult* result) {
    result->set_outcome(outcome_);
    result->set_name(resource::NameOf(*change.after.message));
    changes_.push_back(std::move(change));
    results_.push_back(result);
  }

  /// Marks items whose change came too late, because the record moved on, for another round.
  void Write(std::set<const BulkResult*>* again) {
    if (changes_.empty() || WriteTogether(changes_).ok()) return;
    // One bad member fails all of them: find it by writing each alone.
    for (size_t i = 0; i < changes_.size(); ++i) {
      std::vector<resource::Change> alone;
      alone.push_back(std::move(changes_[i]));
      const absl::Status status = WriteTogether(alone);
      if (status.ok()) continue;
      const bool raced = ReasonOf(status) == "VERSION_CHANGED" || status.code() == absl::StatusCode::kAlreadyExists;
      if (raced) again->insert(results_[i]);
      results_[i]->clear_name();
      Refuse(status, results_[i]);
    }
  }

 private:
  absl::Status WriteTogether(const std::vector<resource::Change>& changes) {
    resource::Writer::InTransaction also;
    if (rules_.also) also = [&](db::Connection& connection) { return rules_.also(connection, changes); };
    return writer_.WriteAll(call_.tenant(), changes, call_.deadline, also);
  }

  resource::Writer& writer_;
  const CallContext& call_;
  const BulkRules& rules_;
  const BulkResult::Outcome outcome_;
  std::vector<resource::Change> changes_;
  std::vector<BulkResult*> results_;
};

}  // namespace

void Overlay(const Message& given, Message* record) {
  std::vector<const FieldDescriptor*> set;
  given.GetReflection()->ListFields(given, &set);
  std::unique_ptr<Message> rest(given.New());
  rest->CopyFrom(given);
  for (const FieldDescriptor* field : set) {
    if (field->name() == "name" || field->name() == "etag" || field->name() == "external_ids") {
      rest->GetReflection()->ClearField(rest.get(), field);
    } else if (!field->is_map()) {
      record->GetReflection()->ClearField(record, field);
    }
  }
  record->MergeFrom(*rest);  // merging a map replaces the values of its keys
}

absl::StatusOr<std::map<ExternalKey, resource::Record>> FindByExternalIds(db::Pool& pool, const CallContext& call,
                                                                          const resource::Table& table,
                                                                          const std::vector<ExternalKey>& keys) {
  std::vector<std::string> systems;
  std::vector<std::string> ids;
  for (const auto& [system, id] : keys) {
    systems.push_back(system);
    ids.push_back(id);
  }
  const std::string& key = table.key_columns().back();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(
          pool, call.tenant(), call.deadline,
          "SELECT x.system, x.external_id, " + table.SelectList("t") +
              " FROM unnest($2::text[], $3::text[]) AS k(system, external_id) JOIN " + table.name() +
              "_external_id x ON x.tenant_id = $1 AND x.system = k.system AND x.external_id = k.external_id JOIN " +
              table.name() + " t ON t.tenant_id = $1 AND t." + key + " = x." + key,
          db::Params::Of(call.tenant(), systems, ids)));
  std::map<ExternalKey, resource::Record> found;
  for (int i = 0; i < rows.size(); ++i) {
    found[{std::string(rows[i].Text(0)), std::string(rows[i].Text(1))}] = table.Read(rows[i], 2);
  }
  return found;
}

absl::StatusOr<std::vector<BulkResult>> BulkUpsert(db::Pool& pool, resource::Writer& writer, const CallContext& call,
                                                   const resource::Table& table,
                                                   const std::vector<const Message*>& items, const BulkRules& rules,
                                                   bool validate_only) {
  std::vector<BulkResult> results(items.size());
  std::vector<size_t> round(items.size());
  for (size_t i = 0; i < items.size(); ++i) round[i] = i;

  // Another round for items whose record stands in the request before, or was changed meanwhile by somebody else.
  for (int races = 0; races < kMaxRaces && !round.empty();) {
    std::vector<ExternalKey> keys;
    for (const size_t i : round) {
      const auto ids = ExternalIdsOf(*items[i]);
      for (size_t k = 0; k < ids.size() && (k == 0 || rules.by_every_id); ++k) keys.push_back(ids[k]);
    }
    EMBUDO_ASSIGN_OR_RETURN(const auto found, FindByExternalIds(pool, call, table, keys));
    std::map<size_t, resource::Record> matched;
    if (rules.match) {
      std::vector<size_t> missing;
      for (const size_t i : round) {
        const auto ids = ExternalIdsOf(*items[i]);
        if (std::none_of(ids.begin(), ids.end(), [&](const auto& id) { return found.contains(id); })) {
          missing.push_back(i);
        }
      }
      EMBUDO_ASSIGN_OR_RETURN(matched, rules.match(missing));
    }
    Group created(writer, call, rules, BulkResult::OUTCOME_CREATED);
    Group updated(writer, call, rules, BulkResult::OUTCOME_UPDATED);
    std::set<ExternalKey> seen;
    std::set<std::string> taken;
    std::vector<size_t> next;
    for (const size_t i : round) {
      const auto ids = ExternalIdsOf(*items[i]);
      results[i].Clear();
      if (ids.empty()) {
        Refuse(InvalidField("external_ids", "is empty; an upsert is found by it"), &results[i]);
        continue;
      }
      std::vector<ExternalKey> marks = ids;
      if (rules.match_keys) {
        for (std::string& key : rules.match_keys(*items[i])) marks.emplace_back("", std::move(key));
      }
      if (std::any_of(marks.begin(), marks.end(), [&](const auto& mark) { return seen.contains(mark); })) {
        next.push_back(i);
        continue;
      }
      seen.insert(marks.begin(), marks.end());
      absl::StatusOr<const resource::Record*> before = RecordOf(found, ids, rules.by_every_id);
      if (!before.ok()) {
        Refuse(before.status(), &results[i]);
        continue;
      }
      if (*before == nullptr && matched.contains(i)) before = &matched.at(i);
      // Two items of one record, by different ids: the second sees what the first wrote.
      if (*before != nullptr && !taken.insert(resource::NameOf(*(*before)->message)).second) {
        next.push_back(i);
        continue;
      }
      absl::StatusOr<std::optional<resource::Change>> change =
          *before == nullptr ? rules.create(*items[i]) : rules.update(**before, *items[i]);
      if (!change.ok()) {
        Refuse(change.status(), &results[i]);
      } else if (!change->has_value()) {
        results[i].set_outcome(BulkResult::OUTCOME_UNCHANGED);
        if (*before != nullptr) results[i].set_name(resource::NameOf(*(*before)->message));
      } else if (*before == nullptr) {
        (*change)->new_external_ids = ids;
        created.Add(**std::move(change), &results[i]);
      } else {
        updated.Add(**std::move(change), &results[i]);
      }
    }
    std::set<const BulkResult*> again;
    if (!validate_only) {
      created.Write(&again);
      updated.Write(&again);
    }
    if (!again.empty()) ++races;
    for (const size_t i : round) {
      if (again.contains(&results[i])) next.push_back(i);
    }
    std::sort(next.begin(), next.end());  // items of one record keep their order
    round = std::move(next);
  }
  for (const size_t i : round) {
    if (results[i].outcome() != BulkResult::OUTCOME_UNSPECIFIED) continue;
    Refuse(Error(absl::StatusCode::kAborted, "VERSION_CHANGED", "the record keeps changing"), &results[i]);
  }
  return results;
}

}  // namespace embudo::pipeline::rpc
