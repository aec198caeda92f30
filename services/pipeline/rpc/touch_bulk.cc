// BulkCreateTouches: what came for leads that are there, in one write.

#include "services/pipeline/rpc/touch_bulk.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/logic/utm_rules.h"
#include "services/pipeline/rpc/lead_entries.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/touches.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using resource::Change;
using type::v1::Lead;
using Item = v1::BulkCreateTouchesRequest::Item;
using Entry = type::v1::Message;

constexpr int kWriteAttempts = 20;

/// One of the items on its way.
struct Addition {
  const Item* item;
  /// Why it goes no further.
  absl::Status status;
  /// The open lead that it is for.
  std::string lead;
};

/// A lead that something is added to, as it is and as it will be.
struct Target {
  const resource::Record* before;
  std::unique_ptr<Lead> after;
  /// Whether it has a touch, if that is known.
  std::optional<bool> touched;
};

/// Adds several in one transaction.
class Adding {
 public:
  /// `known`: records of theirs may be there already.
  Adding(Records& records, const CallContext& call, bool known) : records_(records), call_(call), known_(known) {}

  /// What is wrong with one of the additions is its status; an error is one of all of them, and nothing was written.
  absl::Status Write(const std::vector<Addition*>& additions) {
    EMBUDO_RETURN_IF_ERROR(ReadLeads(additions));
    std::vector<const type::v1::Touch*> touches;
    for (Addition* addition : additions) {
      if (addition->status.ok()) EMBUDO_RETURN_IF_ERROR(FindLead(*addition));
      if (!addition->status.ok() || addition->lead.empty()) continue;
      EMBUDO_RETURN_IF_ERROR(Plan(*addition));
      if (addition->status.ok()) touches.push_back(&addition->item->touch());
    }
    EMBUDO_RETURN_IF_ERROR(records_.SeeUtmOf(call_, {}, touches));
    std::vector<Change> changes = std::move(touches_);
    const auto add = [&](std::vector<Change>& some) {
      for (Change& change : some) changes.push_back(std::move(change));
    };
    add(entries_);
    // By name: those that overlap take their locks in one order.
    for (auto& [name, target] : targets_) {
      auto change =
          records_.leads().ChangeOf(call_, *target.before, std::move(target.after), type::v1::EVENT_TYPE_LEAD_UPDATED);
      if (change) changes.push_back(*std::move(change));
    }
    add(notifications_);
    return records_.writer().WriteAll(call_.tenant(), changes, call_.deadline);
  }

 private:
  absl::Status ReadLeads(const std::vector<Addition*>& additions) {
    const resource::Table& table = records_.leads().table();
    std::set<std::string> ids;
    for (Addition* addition : additions) {
      const auto named = ParseName(table.pattern(), addition->item->parent(), "parent");
      addition->status = named.status();
      const auto id = named.ok() ? Uuid::Parse((*named)[0]) : std::nullopt;
      addition->lead = id ? table.pattern().Build({id->ToString()}) : "";
      if (id) ids.insert(id->ToString());
    }
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(records_.pool(), call_.tenant(), call_.deadline,
                 "SELECT l.* FROM unnest($2::uuid[]) AS x (id) CROSS JOIN LATERAL (SELECT " + table.SelectList("t") +
                     " FROM " + table.name() + " t WHERE t.tenant_id = $1 AND t.lead_id = x.id OFFSET 0) l",
                 db::Params::Of(call_.tenant(), std::vector<std::string>(ids.begin(), ids.end()))));
    for (int i = 0; i < rows.size(); ++i) {
      resource::Record record = table.Read(rows[i]);
      const std::string name = resource::NameOf(*record.message);
      leads_.emplace(name, std::move(record));
    }
    return absl::OkStatus();
  }

  /// The open lead that it is for, which may be another than the one that it names; or none.
  absl::Status FindLead(Addition& addition) {
    auto found = leads_.find(addition.lead);
    addition.lead.clear();
    if (found == leads_.end()) return absl::OkStatus();
    const std::string into = static_cast<const Lead&>(*found->second.message).merged_into();
    if (!into.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(resource::Record survivor, records_.leads().Load(call_, into, /*deleted_too=*/true));
      const std::string name = resource::NameOf(*survivor.message);
      found = leads_.emplace(name, std::move(survivor)).first;
    }
    const auto& lead = static_cast<const Lead&>(*found->second.message);
    if (lead.state() != Lead::STATE_OPEN || lead.has_delete_time() || !records_.MaySee(call_, lead)) {
      return absl::OkStatus();
    }
    addition.lead = lead.name();
    if (!targets_.contains(lead.name())) {
      targets_[lead.name()] = {&found->second, std::make_unique<Lead>(lead), std::nullopt};
    }
    return absl::OkStatus();
  }

  /// What it comes to; if one of its entries is wrong, nothing of it.
  absl::Status Plan(Addition& addition) {
    std::vector<Change> entries;
    for (int i = 0; i < addition.item->entries_size(); ++i) {
      auto entry = NewEntry(records_, call_, addition.lead, addition.item->entries(i).message_id(),
                            addition.item->entries(i).message());
      if (!entry.ok()) {
        addition.status = InItem(entry.status(), "entries[" + std::to_string(i) + "]");
        return absl::OkStatus();
      }
      if (entry->has_value() && !IsThere(records_.messages(), **entry)) entries.push_back(**std::move(entry));
    }
    Target& target = targets_.at(addition.lead);
    Change touch = NewTouch(records_, call_, addition.lead, addition.item->touch_id(), addition.item->touch());
    if (!IsThere(records_.touches(), touch)) {
      EMBUDO_RETURN_IF_ERROR(TakeSource(static_cast<const type::v1::Touch&>(*touch.after.message), target));
      touches_.push_back(std::move(touch));
    }
    for (Change& entry : entries) {
      EMBUDO_RETURN_IF_ERROR(Tell(static_cast<const Entry&>(*entry.after.message), target));
      entries_.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  bool IsThere(const resource::Resource& resource, const Change& change) const {
    return known_ && resource.LoadAsIs(call_, resource::NameOf(*change.after.message)).ok();
  }

  /// A lead's first touch tells where it comes from, if it does not say so itself.
  absl::Status TakeSource(const type::v1::Touch& touch, Target& target) {
    if (logic::NamesUtm(touch) && !logic::NamesUtm(*target.after) && !target.touched) {
      EMBUDO_ASSIGN_OR_RETURN(target.touched, storage::HasTouch(records_.pool(), call_.tenant(),
                                                                IdOf(target.after->name()), call_.deadline));
    }
    if (target.touched == false) logic::TakeFirstTouch(touch, *target.after);
    target.touched = true;
    return absl::OkStatus();
  }

  /// What an entry does beside itself.
  absl::Status Tell(const Entry& entry, Target& target) {
    // What a person enters is work on the lead.
    if (call_.identity.actor.starts_with("users/")) *target.after->mutable_last_touch_time() = entry.create_time();
    const std::set<std::string> followers(target.after->followers().begin(), target.after->followers().end());
    return records_.Notify(call_, followers, type::v1::Notification::KIND_MESSAGE, target.after->name(), entry.name(),
                           logic::LineOf(entry), &notifications_);
  }

  Records& records_;
  const CallContext& call_;
  const bool known_;
  std::map<std::string, resource::Record> leads_;
  std::map<std::string, Target> targets_;
  std::vector<Change> touches_, entries_, notifications_;
};

absl::Status AddAlone(Records& records, const CallContext& call, Addition& addition) {
  bool known = false;
  absl::Status status;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    status = Adding(records, call, known).Write({&addition});
    const bool again = ReasonOf(status) == "VERSION_CHANGED" || (!known && absl::IsAlreadyExists(status));
    if (!again) break;
    known = known || absl::IsAlreadyExists(status);
  }
  return status.ok() ? addition.status : status;
}

}  // namespace

absl::StatusOr<v1::BulkCreateTouchesResponse> BulkCreateTouches(Records& records, const CallContext& caller,
                                                                const v1::BulkCreateTouchesRequest& request) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_CAPTURE;
  std::vector<Addition> additions;
  std::vector<Addition*> all;
  for (const Item& item : request.items()) additions.push_back({&item, absl::OkStatus(), ""});
  for (Addition& addition : additions) all.push_back(&addition);
  // Most come together without ado. If not, only what is wrong with one of them is to keep that one back.
  if (all.size() == 1 || !Adding(records, call, /*known=*/false).Write(all).ok()) {
    for (Addition* addition : all) addition->status = AddAlone(records, call, *addition);
  }
  v1::BulkCreateTouchesResponse response;
  for (const Addition& addition : additions) {
    v1::BulkCreateTouchesResponse::Result& result = *response.add_results();
    if (!addition.status.ok()) {
      *result.mutable_error() = ToRpcStatus(addition.status);
    } else {
      result.set_lead(addition.lead);
    }
  }
  return response;
}

}  // namespace embudo::pipeline::rpc
