#include "services/pipeline/storage/erasure_store.h"

#include <array>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/privacy/suppression.h"

namespace embudo::pipeline::storage {
namespace {

using Ids = std::vector<std::string>;

// Merging leaves a chain: who was taken in, and by whom.
constexpr char kFindContacts[] =
    "WITH RECURSIVE found AS (SELECT contact_id, merged_into_id FROM pipeline.contact WHERE tenant_id = $1"
    " AND kind = 'PERSON' AND (contact_id = $2::uuid OR ($3 <> '' AND (email = $3 OR $3 = ANY(other_emails))))"
    " UNION SELECT c.contact_id, c.merged_into_id FROM pipeline.contact c JOIN found f"
    " ON c.merged_into_id = f.contact_id OR c.contact_id = f.merged_into_id WHERE c.tenant_id = $1)"
    " SELECT contact_id, email, other_emails FROM pipeline.contact WHERE tenant_id = $1"
    " AND contact_id IN (SELECT contact_id FROM found) ORDER BY contact_id FOR UPDATE";

constexpr char kFindLeads[] =
    "WITH RECURSIVE found AS (SELECT lead_id, merged_into_id FROM pipeline.lead WHERE tenant_id = $1"
    " AND (contact_id = ANY($2::uuid[]) OR email = ANY($3::text[]))"
    " UNION SELECT l.lead_id, l.merged_into_id FROM pipeline.lead l JOIN found f"
    " ON l.merged_into_id = f.lead_id OR l.lead_id = f.merged_into_id WHERE l.tenant_id = $1)"
    " SELECT lead_id FROM pipeline.lead WHERE tenant_id = $1 AND lead_id IN (SELECT lead_id FROM found)"
    " ORDER BY lead_id FOR UPDATE";

constexpr char kFindMessages[] =
    "SELECT 'leads/' || lead_id || '/messages/' || message_id FROM pipeline.message m WHERE tenant_id = $1"
    " AND lead_id <> ALL($2::uuid[]) AND EXISTS (SELECT FROM unnest($3::text[]) a WHERE position(a IN"
    " lower(concat_ws(' ', m.from_address, array_to_string(m.to_addresses, ' '), array_to_string(m.cc_addresses, ' "
    "'))))"
    " > 0) ORDER BY 1 FOR UPDATE";

/// The condition of quotes that bind the tenant: those that were signed or ordered.
constexpr char kContract[] = "(signature IS NOT NULL OR order_id IS NOT NULL)";

enum class Of { kContacts, kLeads, kMessages };

/// A statement over the tenant ($1) and the ids of something ($2), and the time ($3) where it `stamps`.
struct Statement {
  Of of;
  bool stamps;
  /// Whether it is about contracts.
  bool contracts;
  std::string sql;
};

std::string Update(const std::string& table, const std::string& set, const std::string& where) {
  return "UPDATE pipeline." + table + " SET " + set +
         ", update_time = $3, revision = revision + 1, version = version + 1 WHERE tenant_id = $1 AND " + where;
}

std::vector<Statement> MessageStatements() {
  constexpr char kSet[] =
      "subject = '', body = '', quoted_body = '', html_body = '', from_address = '', to_addresses = '{}',"
      " cc_addresses = '{}', internet_message_id = '', in_reply_to = '', delivery_error = '', call = NULL";
  return {{Of::kLeads, true, false, Update("message", kSet, "lead_id = ANY($2::uuid[])")},
          {Of::kMessages, true, false, Update("message", kSet, "message_id = ANY($2::uuid[])")}};
}

std::vector<Statement> QuoteStatements() {
  // A line may bear the title of the lead.
  const std::string lines =
      "lines = (SELECT coalesce(jsonb_agg(CASE WHEN l ? 'description' THEN jsonb_set(l, '{description}', '\"Erased\"')"
      " ELSE l END), '[]') FROM jsonb_array_elements(lines) l), ";
  const std::string quote =
      lines +
      "customer_name = '', customer_email = '', customer_address = '', note = '', decline_reason = '',"
      " signature = NULL";
  const std::string document =
      "DELETE FROM pipeline.quote_document d USING pipeline.quote q WHERE q.tenant_id = $1 AND q.lead_id ="
      " ANY($2::uuid[]) AND d.tenant_id = $1 AND d.quote_id = q.quote_id AND ";
  const std::string order =
      lines + "customer_name = '', customer_email = '', customer_address = '', cancel_reason = '', signature = NULL";
  const std::string of_lead = "lead_id = ANY($2::uuid[]) AND ";
  const std::string contract(kContract);
  // Documents first: the quotes tell which they are.
  return {{Of::kLeads, false, false, document + "NOT " + contract},
          {Of::kLeads, false, true, document + contract},
          {Of::kLeads, true, false, Update("quote", quote, of_lead + "NOT " + contract)},
          {Of::kLeads, true, true, Update("\"order\"", order, "lead_id = ANY($2::uuid[])")},
          {Of::kLeads, true, true, Update("quote", quote, of_lead + contract)}};
}

/// What imports would put back when they are undone.
std::string ForgetWritesTo(const std::string& collection) {
  return "DELETE FROM pipeline.import_write WHERE tenant_id = $1 AND NOT created AND import_id IN (SELECT import_id "
         "FROM"
         " pipeline.import_step WHERE tenant_id = $1) AND record IN (SELECT '" +
         collection + "/' || id FROM unnest($2::text[]) id)";
}

std::vector<Statement> LeadStatements() {
  constexpr char kOfLeads[] = "lead_id = ANY($2::uuid[])";
  return {
      {Of::kLeads, false, false, ForgetWritesTo("leads")},
      {Of::kLeads, false, false,
       "DELETE FROM pipeline.attachment_content c USING pipeline.attachment a WHERE a.tenant_id = $1 AND a.lead_id ="
       " ANY($2::uuid[]) AND c.tenant_id = $1 AND c.attachment_id = a.attachment_id"},
      {Of::kLeads, true, false,
       Update("attachment",
              "file_name = 'Erased', sha256 = '', size_bytes = 0, delete_time = coalesce(delete_time, $3)", kOfLeads)},
      {Of::kLeads, true, false,
       Update("activity", "summary = CASE summary WHEN '' THEN '' ELSE 'Erased' END, note = '', feedback = ''",
              kOfLeads)},
      {Of::kLeads, true, false, Update("touch", "landing_page = '', referrer = '', click_ids = NULL", kOfLeads)},
      {Of::kLeads, true, false, Update("approval", "request_note = '', decision_note = ''", kOfLeads)},
      {Of::kLeads, false, false,
       "DELETE FROM pipeline.notification WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"},
      {Of::kLeads, false, false,
       "DELETE FROM pipeline.lead_external_id WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"},
      {Of::kLeads, true, false,
       Update("lead",
              "display_name = 'Erased', contact_name = '', email = '', phone = '', job_title = '', website = '',"
              " description = '', current_solution = '', pain = '', custom_fields = '{}', external_ids = '[]',"
              " lost_note = '', override_reason = ''",
              kOfLeads)}};
}

const std::vector<Statement>& Statements() {
  static const auto& statements = *new std::vector<Statement>([] {
    std::vector<Statement> all = MessageStatements();
    for (auto more : {QuoteStatements(), LeadStatements()}) all.insert(all.end(), more.begin(), more.end());
    all.push_back({Of::kContacts, false, false, ForgetWritesTo("contacts")});
    all.push_back({Of::kContacts, false, false,
                   "DELETE FROM pipeline.contact_external_id WHERE tenant_id = $1 AND contact_id = ANY($2::uuid[])"});
    all.push_back({Of::kContacts, true, false,
                   Update("contact",
                          "display_name = 'Erased', email = '', phone = '', job_title = '', website = '',"
                          " other_emails = '{}', other_phones = '{}', address = NULL, custom_fields = '{}',"
                          " external_ids = '[]', do_not_contact = true",
                          "contact_id = ANY($2::uuid[])")});
    return all;
  }());
  return statements;
}

Ids IdsOfNames(const std::vector<std::string>& names) {
  Ids ids;
  for (const std::string& name : names) ids.push_back(IdOf(name));
  return ids;
}

}  // namespace

privacy::Person PersonRecords::ToPerson() const {
  privacy::Person person;
  for (const std::string& id : contacts) person.names.insert("contacts/" + id);
  for (const std::string& id : leads) person.names.insert("leads/" + id);
  person.names.insert(messages.begin(), messages.end());
  person.addresses.insert(addresses.begin(), addresses.end());
  return person;
}

absl::StatusOr<PersonRecords> FindPerson(db::Connection& connection, const std::string& tenant,
                                         const std::string& contact, const std::string& email) {
  PersonRecords person;
  std::set<std::string> addresses;
  if (!email.empty()) addresses.insert(email);
  const auto id = contact.empty() ? std::nullopt : std::optional<std::string>(contact);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result contacts,
                          connection.Exec(kFindContacts, db::Params::Of(tenant).Add(id).Add(email)));
  for (int i = 0; i < contacts.size(); ++i) {
    person.contacts.emplace_back(contacts[i].Text(0));
    if (!contacts[i].Text(1).empty()) addresses.emplace(contacts[i].Text(1));
    for (const std::string& other : contacts[i].TextArray(2)) addresses.insert(other);
  }
  person.addresses.assign(addresses.begin(), addresses.end());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result leads,
                          connection.Exec(kFindLeads, db::Params::Of(tenant, person.contacts, person.addresses)));
  for (int i = 0; i < leads.size(); ++i) person.leads.emplace_back(leads[i].Text(0));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result messages,
                          connection.Exec(kFindMessages, db::Params::Of(tenant, person.leads, person.addresses)));
  for (int i = 0; i < messages.size(); ++i) person.messages.emplace_back(messages[i].Text(0));
  return person;
}

absl::StatusOr<std::vector<RecordCount>> CountPerson(db::Connection& connection, const std::string& tenant,
                                                     const PersonRecords& person, bool contracts_too) {
  std::vector<RecordCount> counts;
  const auto add = [&](const std::string& kind, int64_t count) {
    if (count > 0) counts.push_back({kind, count});
  };
  add("Contact", static_cast<int64_t>(person.contacts.size()));
  add("Lead", static_cast<int64_t>(person.leads.size()));
  const std::string all(contracts_too ? "true" : std::string("NOT ") + kContract);
  for (const auto& [kind, table, where] :
       std::vector<std::array<std::string, 3>>{{"Message", "message", "true"},
                                               {"Attachment", "attachment", "true"},
                                               {"Activity", "activity", "true"},
                                               {"Approval", "approval", "true"},
                                               {"Notification", "notification", "true"},
                                               {"Quote", "quote", all},
                                               {"Order", "\"order\"", contracts_too ? "true" : "false"}}) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            connection.Exec("SELECT count(*) FROM pipeline." + table +
                                                " WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) AND " + where,
                                            db::Params::Of(tenant, person.leads)));
    add(kind, rows[0].Int(0) + (kind == "Message" ? static_cast<int64_t>(person.messages.size()) : 0));
  }
  return counts;
}

absl::StatusOr<std::vector<std::string>> ContractsOf(db::Connection& connection, const std::string& tenant,
                                                     const PersonRecords& person) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT 'quotes/' || quote_id FROM pipeline.quote WHERE tenant_id = $1 AND lead_id ="
                      " ANY($2::uuid[]) AND " +
                          std::string(kContract) +
                          " UNION ALL SELECT 'orders/' || order_id FROM pipeline.\"order\" WHERE tenant_id = $1"
                          " AND lead_id = ANY($2::uuid[]) ORDER BY 1",
                      db::Params::Of(tenant, person.leads)));
  std::vector<std::string> names;
  for (int i = 0; i < rows.size(); ++i) names.emplace_back(rows[i].Text(0));
  return names;
}

absl::StatusOr<int64_t> EraseRecords(db::Connection& connection, const std::string& tenant, const PersonRecords& person,
                                     bool contracts_too, Time now) {
  int64_t erased = 0;
  const Ids messages = IdsOfNames(person.messages);
  for (const Statement& statement : Statements()) {
    if (statement.contracts && !contracts_too) continue;
    const Ids& ids = statement.of == Of::kContacts ? person.contacts
                     : statement.of == Of::kLeads  ? person.leads
                                                   : messages;
    if (ids.empty()) continue;
    db::Params params = db::Params::Of(tenant, ids);
    if (statement.stamps) params.Add(now);
    EMBUDO_ASSIGN_OR_RETURN(const db::Result result, connection.Exec(statement.sql, params));
    erased += result.affected();
  }
  return erased;
}

absl::Status Suppress(db::Connection& connection, const std::string& tenant, const std::string& erasure,
                      const std::vector<std::string>& addresses, Time now) {
  std::vector<std::optional<std::string>> hashes;
  for (const std::string& address : addresses) hashes.emplace_back(privacy::HashAddress(tenant, address));
  return connection
      .Exec(
          "INSERT INTO pipeline.suppression (tenant_id, erasure_id, create_time, address_hash)"
          " SELECT $1, $2, $3, * FROM unnest($4::bytea[]) ON CONFLICT DO NOTHING",
          db::Params::Of(tenant, erasure, now).AddBytes(hashes))
      .status();
}

}  // namespace embudo::pipeline::storage
