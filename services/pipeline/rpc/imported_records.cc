// Leads and contacts of imports, found by external ids or by what else the import says.

#include "services/pipeline/rpc/imported_records.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/text/phone.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "services/pipeline/rpc/contact_effects.h"
#include "services/pipeline/rpc/import_fields.h"
#include "services/pipeline/storage/import_journal.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using resource::Change;
using type::v1::Contact;
using type::v1::Lead;

using OptionalChange = absl::StatusOr<std::optional<Change>>;

bool IsSet(const Message& record, const FieldDescriptor* field) {
  const auto* reflection = record.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(record, field) > 0 : reflection->HasField(record, field);
}

/// Leaves of `given` only what is empty in the record that is there; of maps whole ones.
void LeaveEmptyFields(const Message& before, Message* given) {
  std::vector<const FieldDescriptor*> fields;
  given->GetReflection()->ListFields(*given, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->name() != "external_ids" && IsSet(before, field)) given->GetReflection()->ClearField(given, field);
  }
}

template <class Record>
std::vector<ExternalKey> NewIdsOf(const Record& given, const Record& before) {
  std::vector<ExternalKey> ids;
  for (const auto& id : given.external_ids()) {
    const bool known = std::any_of(before.external_ids().begin(), before.external_ids().end(), [&](const auto& other) {
      return other.system() == id.system() && other.id() == id.id();
    });
    if (!known) ids.emplace_back(id.system(), id.id());
  }
  return ids;
}

/// Adds external ids to a record that is there, be it all that changes.
template <class Record>
std::optional<Change> WithNewIds(const CallContext& call, const resource::Resource& resource,
                                 const resource::Record& before, std::optional<Change> change,
                                 const std::vector<ExternalKey>& ids, type::v1::EventType event) {
  if (ids.empty()) return change;
  auto after = std::make_unique<Record>(static_cast<const Record&>(change ? *change->after.message : *before.message));
  for (const auto& [system, id] : ids) {
    auto* added = after->add_external_ids();
    added->set_system(system);
    added->set_id(id);
  }
  change = resource.ChangeOf(call, before, std::move(after), change ? change->event_type : event);
  change->new_external_ids = ids;
  return change;
}

/// What the texts of a kind of key stand for among the records of a table.
struct Matcher {
  const resource::Table& table;
  /// SQL for the ids of the records of tenant $1 whose key is k.value, the best one first.
  std::string sql;
};

/// The records that the items' keys find: of several the best.
absl::StatusOr<std::map<size_t, resource::Record>> FindByKeys(Records& records, const CallContext& call,
                                                              const Matcher& matcher,
                                                              const std::vector<std::pair<size_t, std::string>>& keys) {
  std::map<size_t, resource::Record> found;
  if (keys.empty()) return found;
  std::vector<std::string> items;
  std::vector<std::string> values;
  for (const auto& [item, value] : keys) {
    items.push_back(std::to_string(item));
    values.push_back(value);
  }
  const std::string id = matcher.table.key_columns().back();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   "SELECT k.item, " + matcher.table.SelectList("t") +
                                       " FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS k (item, value, ord)"
                                       " CROSS JOIN LATERAL (" +
                                       matcher.sql + ") m JOIN " + matcher.table.name() +
                                       " t ON t.tenant_id = $1 AND t." + id + " = m." + id + " ORDER BY k.ord",
                                   db::Params::Of(call.tenant(), items, values)));
  for (int i = 0; i < rows.size(); ++i) {
    found.try_emplace(static_cast<size_t>(rows[i].Int(0)), matcher.table.Read(rows[i], 1));
  }
  return found;
}

std::string LeadSql(const std::string& column) {
  return "SELECT l.lead_id FROM pipeline.lead l WHERE l.tenant_id = $1 AND l." + column +
         " = k.value AND l.delete_time IS NULL AND l.merged_into_id IS NULL"
         " ORDER BY l.state <> 'OPEN', l.create_time DESC LIMIT 1";
}

std::string ContactSql() {
  return "SELECT x.contact_id FROM pipeline.contact_key x JOIN pipeline.contact c USING (tenant_id, contact_id)"
         " WHERE x.tenant_id = $1 AND x.key = split_part(k.value, '|', 2) AND c.kind = split_part(k.value, '|', 1)"
         " AND c.merged_into_id IS NULL ORDER BY c.create_time LIMIT 1";
}

std::string DigitsOf(const std::string& phone) {
  std::string digits;
  for (const char c : phone) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits;
}

std::string DomainOf(const std::string& website) {
  std::string domain = website.substr(website.find("//") == std::string::npos ? 0 : website.find("//") + 2);
  domain = domain.substr(0, domain.find_first_of("/:?#"));
  std::transform(domain.begin(), domain.end(), domain.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return domain.starts_with("www.") ? domain.substr(4) : domain;
}

bool MatchesBy(const Imported& work, v1::MatchKey key) {
  const auto& keys = work.request.match_by();
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// Keys of a contact as pipeline.contact_key has them, after its kind.
std::vector<std::string> KeysOf(const Imported& work, const Contact& contact) {
  const std::string kind = contact.kind() == Contact::KIND_COMPANY ? "COMPANY|" : "PERSON|";
  std::vector<std::string> keys;
  if (MatchesBy(work, v1::MATCH_KEY_EMAIL) && !contact.email().empty()) keys.push_back(kind + "e" + contact.email());
  if (MatchesBy(work, v1::MATCH_KEY_DOMAIN) && !contact.website().empty() && kind == "COMPANY|") {
    keys.push_back(kind + "w" + DomainOf(contact.website()));
  }
  const std::string digits = DigitsOf(contact.phone());
  if (MatchesBy(work, v1::MATCH_KEY_PHONE) && digits.size() >= 5) keys.push_back(kind + "p" + digits);
  return keys;
}

/// Keys of a lead: its mail address and its phone number.
std::vector<std::string> KeysOf(const Imported& work, const Lead& lead) {
  std::vector<std::string> keys;
  if (MatchesBy(work, v1::MATCH_KEY_EMAIL) && !lead.email().empty()) keys.push_back("e" + lead.email());
  if (MatchesBy(work, v1::MATCH_KEY_PHONE) && !lead.phone().empty()) keys.push_back("p" + lead.phone());
  return keys;
}

/// Runs the upsert and keeps its results.
absl::Status Run(Imported& work, const resource::Table& table, const std::vector<const Message*>& items,
                 BulkRules rules) {
  std::set<size_t> matched;
  if (rules.match) {
    rules.match = [find = rules.match, &matched](const std::vector<size_t>& missing) {
      auto found = find(missing);
      if (found.ok()) {
        for (const auto& [item, record] : *found) matched.insert(item);
      }
      return found;
    };
  }
  rules.by_every_id = true;
  rules.also = work.Journal();
  EMBUDO_ASSIGN_OR_RETURN(std::vector<v1::BulkResult> results,
                          BulkUpsert(work.records.pool(), work.records.writer(), work.call, table, items, rules,
                                     work.request.validate_only()));
  for (size_t i = 0; i < results.size(); ++i) {
    work.response.add_matched(matched.contains(i));
    *work.response.add_results() = std::move(results[i]);
  }
  return absl::OkStatus();
}

/// The record as deleted; nullopt if it is so already.
template <class Record>
OptionalChange Deleted(const CallContext& call, const resource::Resource& resource, const resource::Record& before,
                       type::v1::EventType event) {
  if (static_cast<const Record&>(*before.message).has_delete_time()) return std::optional<Change>();
  auto after = std::make_unique<Record>(static_cast<const Record&>(*before.message));
  resource::Effects effects;
  EMBUDO_RETURN_IF_ERROR(resource.DeleteOf(call)(*after, effects));
  return resource.ChangeOf(call, before, std::move(after), event);
}

}  // namespace

std::function<absl::Status(db::Connection&, const std::vector<Change>&)> Imported::Journal() const {
  return [this](db::Connection& connection, const std::vector<Change>& changes) {
    return storage::JournalWrites(connection, call.tenant(), request.import(), changes);
  };
}

absl::Status UpsertImportedLeads(Imported& work) {
  Records& records = work.records;
  const CallContext& call = work.call;
  std::vector<const Message*> items;
  std::vector<const logic::CustomValues*> values;
  std::map<const Message*, const v1::ImportedLead*> item_of;
  for (const v1::ImportedLead& item : work.request.leads()) {
    items.push_back(&item.lead());
    values.push_back(&item.lead().custom_fields());
    item_of[&item.lead()] = &item;
  }
  CallContext defining = call;
  defining.identity.origin = type::v1::ORIGIN_IMPORT;
  if (!work.request.validate_only()) {
    EMBUDO_RETURN_IF_ERROR(DefineImportedFields(records, defining, type::v1::CustomField::TARGET_LEAD, values));
  }
  BulkRules rules;
  rules.create = [&](const Message& given) -> OptionalChange {
    if (item_of.at(&given)->deleted()) return std::optional<Change>();
    return CreateImportedLead(records, call, given);
  };
  rules.update = [&](const resource::Record& before, const Message& given) -> OptionalChange {
    const v1::ImportedLead& item = *item_of.at(&given);
    const auto& old = static_cast<const Lead&>(*before.message);
    if (item.deleted()) return Deleted<Lead>(call, records.leads(), before, type::v1::EVENT_TYPE_LEAD_DELETED);
    Lead lead = item.lead();
    if (item.fill_only()) {
      LeaveEmptyFields(old, &lead);
      if (old.kind() == Lead::KIND_OPPORTUNITY) lead.clear_lead_status();
    }
    EMBUDO_ASSIGN_OR_RETURN(std::optional<Change> change, UpdateImportedLead(records, call, before, lead));
    return WithNewIds<Lead>(call, records.leads(), before, std::move(change), NewIdsOf(item.lead(), old),
                            type::v1::EVENT_TYPE_LEAD_UPDATED);
  };
  if (work.request.match_by_size() > 0) {
    rules.match_keys = [&](const Message& given) { return KeysOf(work, static_cast<const Lead&>(given)); };
    rules.match = [&](const std::vector<size_t>& missing) -> absl::StatusOr<std::map<size_t, resource::Record>> {
      std::map<size_t, resource::Record> found;
      for (const char kind : {'e', 'p'}) {
        std::vector<std::pair<size_t, std::string>> keys;
        for (const size_t i : missing) {
          for (const std::string& key : KeysOf(work, static_cast<const Lead&>(*items[i]))) {
            if (key[0] == kind && !found.contains(i)) keys.emplace_back(i, key.substr(1));
          }
        }
        EMBUDO_ASSIGN_OR_RETURN(
            auto more,
            FindByKeys(records, call, {storage::LeadTable(), LeadSql(kind == 'e' ? "email" : "phone")}, keys));
        found.merge(more);
      }
      return found;
    };
  }
  EMBUDO_RETURN_IF_ERROR(Run(work, storage::LeadTable(), items, std::move(rules)));
  if (work.request.validate_only()) return absl::OkStatus();
  const std::vector<v1::BulkResult> results(work.response.results().begin(), work.response.results().end());
  EMBUDO_RETURN_IF_ERROR(SeeUtmOfWritten(records, call, items, results));
  std::vector<storage::Stay> stays;
  for (int i = 0; i < work.request.leads_size(); ++i) {
    const std::string& name = work.response.results(i).name();
    for (const v1::ImportedStay& stay : work.request.leads(i).stays()) {
      if (!name.empty()) stays.push_back({IdOf(name), stay.stage(), FromTimestamp(stay.enter_time())});
    }
  }
  if (stays.empty()) return absl::OkStatus();
  return db::RunInTx(records.pool(), call.tenant(), call.deadline, [&](db::Connection& connection) {
    return storage::KeepStays(connection, call.tenant(), work.request.import(), stays).status();
  });
}

absl::Status UpsertImportedContacts(Imported& work) {
  Records& records = work.records;
  const CallContext& call = work.call;
  std::vector<const Message*> items;
  std::vector<const logic::CustomValues*> values;
  std::map<const Message*, const v1::ImportedContact*> item_of;
  for (const v1::ImportedContact& item : work.request.contacts()) {
    items.push_back(&item.contact());
    values.push_back(&item.contact().custom_fields());
    item_of[&item.contact()] = &item;
  }
  CallContext defining = call;
  defining.identity.origin = type::v1::ORIGIN_IMPORT;
  if (!work.request.validate_only()) {
    EMBUDO_RETURN_IF_ERROR(DefineImportedFields(records, defining, type::v1::CustomField::TARGET_CONTACT, values));
  }
  std::map<std::string, std::pair<Contact, Contact>> changed;
  BulkRules rules;
  rules.create = [&](const Message& given) -> OptionalChange {
    const v1::ImportedContact& item = *item_of.at(&given);
    if (item.deleted()) return std::optional<Change>();
    auto contact = std::make_unique<Contact>(item.contact());
    if (contact->display_name().empty()) return InvalidField("contact.display_name", "is required");
    contact->set_name("contacts/" + Uuid::V7(records.clock().Now()).ToString());
    return records.contacts().NewChange(call, std::move(contact), v1::GetContactRequest());
  };
  rules.update = [&](const resource::Record& before, const Message& given) -> OptionalChange {
    const v1::ImportedContact& item = *item_of.at(&given);
    const auto& old = static_cast<const Contact&>(*before.message);
    if (item.deleted()) {
      return Deleted<Contact>(call, records.contacts(), before, type::v1::EVENT_TYPE_CONTACT_DELETED);
    }
    Contact taken = item.contact();
    if (item.fill_only()) LeaveEmptyFields(old, &taken);
    auto contact = std::make_unique<Contact>(old);
    Overlay(taken, contact.get());
    EMBUDO_RETURN_IF_ERROR(records.contacts().rules().prepare(call, *contact, &old));
    changed[contact->name()] = {old, *contact};
    return WithNewIds<Contact>(
        call, records.contacts(), before,
        records.contacts().ChangeOf(call, before, std::move(contact), type::v1::EVENT_TYPE_CONTACT_UPDATED),
        NewIdsOf(item.contact(), old), type::v1::EVENT_TYPE_CONTACT_UPDATED);
  };
  if (work.request.match_by_size() > 0) {
    rules.match_keys = [&](const Message& given) { return KeysOf(work, static_cast<const Contact&>(given)); };
    rules.match = [&](const std::vector<size_t>& missing) {
      std::vector<std::pair<size_t, std::string>> keys;
      for (const size_t i : missing) {
        for (const std::string& key : KeysOf(work, static_cast<const Contact&>(*items[i]))) keys.emplace_back(i, key);
      }
      return FindByKeys(records, call, {storage::ContactTable(), ContactSql()}, keys);
    };
  }
  EMBUDO_RETURN_IF_ERROR(Run(work, storage::ContactTable(), items, std::move(rules)));
  if (work.request.validate_only()) return absl::OkStatus();
  for (const v1::BulkResult& result : work.response.results()) {
    const auto change = changed.find(result.name());
    if (result.outcome() != v1::BulkResult::OUTCOME_UPDATED || change == changed.end()) continue;
    EMBUDO_RETURN_IF_ERROR(FlowIntoMoreLeads(records, call, change->second.first, change->second.second));
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
