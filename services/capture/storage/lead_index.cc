#include "services/capture/storage/lead_index.h"

#include <algorithm>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/resource_id.h"

namespace embudo::capture::storage {
namespace {

using db::Params;
using logic::MatchKey;
using type::v1::Lead;

constexpr char kSaveLeads[] =
    "INSERT INTO capture.known_lead AS l (tenant_id, lead_id, state, company_name, contact_name, keys)"
    " SELECT $1, x.lead_id, x.state, x.company, x.contact, string_to_array(x.keys, e'\\n')"
    " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])"
    " AS x (lead_id, state, company, contact, keys)"
    " ON CONFLICT (tenant_id, lead_id) DO UPDATE SET state = excluded.state, company_name = excluded.company_name,"
    " contact_name = excluded.contact_name, keys = excluded.keys";
// Each by its key, whatever the statistics say of a tenant that has just come.
constexpr char kLoadKeys[] =
    "SELECT l.lead_id, l.keys FROM unnest($2::uuid[]) AS x (id) CROSS JOIN LATERAL"
    " (SELECT lead_id, array_to_string(keys, e'\\n') AS keys FROM capture.known_lead"
    " WHERE tenant_id = $1 AND lead_id = x.id OFFSET 0) l";
constexpr char kRemoveLeads[] = "DELETE FROM capture.known_lead WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";
// In the order of the index, whose pages are then each touched once.
constexpr char kAddKeys[] =
    "INSERT INTO capture.lead_key (tenant_id, key, lead_id) SELECT $1, key, lead_id"
    " FROM unnest($2::text[], $3::uuid[]) AS x (key, lead_id) ORDER BY key COLLATE \"C\", lead_id"
    " ON CONFLICT DO NOTHING";
constexpr char kRemoveKeys[] =
    "DELETE FROM capture.lead_key k USING unnest($2::text[], $3::uuid[]) AS x (key, lead_id)"
    " WHERE k.tenant_id = $1 AND k.key = x.key AND k.lead_id = x.lead_id";
// An exact key belongs to one open lead: to the first, until that is closed. A lead that is not known yet is one that a
// submission is just making.
constexpr char kClaim[] =
    "INSERT INTO capture.dedupe_key AS d (tenant_id, kind, key, lead_id)"
    " SELECT DISTINCT ON (x.kind, x.key) $1, x.kind, x.key, x.lead_id"
    " FROM unnest($2::text[], $3::text[], $4::uuid[]) AS x (kind, key, lead_id) ORDER BY x.kind, x.key, x.lead_id"
    " ON CONFLICT (tenant_id, kind, key) DO UPDATE SET lead_id = excluded.lead_id WHERE EXISTS ("
    "SELECT FROM capture.known_lead l WHERE l.tenant_id = $1 AND l.lead_id = d.lead_id AND l.state <> 'OPEN')";
constexpr char kGiveUp[] =
    "DELETE FROM capture.dedupe_key d USING unnest($2::text[], $3::text[], $4::uuid[]) AS x (kind, key, lead_id)"
    " WHERE d.tenant_id = $1 AND d.kind = x.kind AND d.key = x.key AND d.lead_id = x.lead_id";
constexpr char kGiveUpAll[] = "DELETE FROM capture.dedupe_key WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";
constexpr char kHandOver[] =
    "UPDATE capture.dedupe_key d SET lead_id = x.survivor FROM unnest($2::uuid[], $3::uuid[]) AS x (lead_id, survivor)"
    " WHERE d.tenant_id = $1 AND d.lead_id = x.lead_id";

constexpr std::string_view kStatePrefix = "STATE_";

std::string TextOf(const MatchKey& key) { return key.kind + "=" + key.key; }

MatchKey KeyOf(const std::string& text) {
  const size_t sign = text.find('=');
  return {text.substr(0, sign), text.substr(sign + 1)};
}

bool IsExact(const MatchKey& key) { return key.kind != "DOMAIN" && key.kind != "BLOCK"; }

/// A line break stands between keys, so that none may be in one.
std::set<std::string> KeysOf(const Lead& lead) {
  std::set<std::string> keys;
  // Phone numbers were written in E.164 by the service that keeps the leads.
  for (const MatchKey& key : logic::SearchKeys(lead, "")) {
    std::string text = TextOf(key);
    std::replace(text.begin(), text.end(), '\n', ' ');
    keys.insert(std::move(text));
  }
  return keys;
}

std::set<std::string> Split(std::string_view lines) {
  std::set<std::string> out;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    out.insert(std::string(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

std::string JoinLines(const std::set<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) out += (out.empty() ? "" : "\n") + key;
  return out;
}

/// Rows for unnest.
struct KeyRows {
  std::vector<std::string> keys;
  std::vector<std::string> leads;
  void Add(const std::string& key, const std::string& lead) {
    keys.push_back(key);
    leads.push_back(lead);
  }
};
struct ExactRows {
  std::vector<std::string> kinds;
  std::vector<std::string> keys;
  std::vector<std::string> leads;
  void Add(const std::string& text, const std::string& lead) {
    const MatchKey key = KeyOf(text);
    if (!IsExact(key)) return;
    kinds.push_back(key.kind);
    keys.push_back(key.key);
    leads.push_back(lead);
  }
};

/// One tenant's leads on their way into the index.
class Indexing {
 public:
  Indexing(db::Connection& connection, const std::string& tenant) : connection_(connection), tenant_(tenant) {}

  absl::Status Take(const std::map<std::string, const Lead*>& leads) {
    std::vector<std::string> all;
    for (const auto& [id, lead] : leads) all.push_back(id);
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection_.Exec(kLoadKeys, Params::Of(tenant_, all)));
    std::map<std::string, std::set<std::string>> before;
    for (int i = 0; i < rows.size(); ++i) before[std::string(rows[i].Text(0))] = Split(rows[i].Text(1));
    for (const auto& [id, lead] : leads) Compare(id, *lead, before[id]);
    return Write();
  }

 private:
  void Compare(const std::string& id, const Lead& lead, const std::set<std::string>& before) {
    const bool gone = lead.has_delete_time();
    const std::set<std::string> keys = gone ? std::set<std::string>() : KeysOf(lead);
    for (const std::string& key : before) {
      if (keys.contains(key)) continue;
      removed_.Add(key, id);
      given_up_.Add(key, id);
    }
    for (const std::string& key : keys) {
      if (!before.contains(key)) added_.Add(key, id);
      if (lead.state() == Lead::STATE_OPEN) claimed_.Add(key, id);
    }
    if (!lead.merged_into().empty()) {
      merged_.push_back(id);
      survivors_.push_back(IdOf(lead.merged_into()));
    } else if (gone || lead.state() != Lead::STATE_OPEN) {
      closed_.push_back(id);
    }
    if (gone) {
      gone_.push_back(id);
      return;
    }
    ids_.push_back(id);
    states_.push_back(Lead::State_Name(lead.state()).substr(kStatePrefix.size()));
    companies_.push_back(lead.company_name());
    contacts_.push_back(lead.contact_name());
    lines_.push_back(JoinLines(keys));
  }

  absl::Status Write() {
    EMBUDO_RETURN_IF_ERROR(
        Run(!ids_.empty(), kSaveLeads, Params::Of(tenant_, ids_, states_, companies_, contacts_, lines_)));
    EMBUDO_RETURN_IF_ERROR(Run(!gone_.empty(), kRemoveLeads, Params::Of(tenant_, gone_)));
    EMBUDO_RETURN_IF_ERROR(
        Run(!removed_.keys.empty(), kRemoveKeys, Params::Of(tenant_, removed_.keys, removed_.leads)));
    EMBUDO_RETURN_IF_ERROR(Run(!added_.keys.empty(), kAddKeys, Params::Of(tenant_, added_.keys, added_.leads)));
    EMBUDO_RETURN_IF_ERROR(Run(!merged_.empty(), kHandOver, Params::Of(tenant_, merged_, survivors_)));
    EMBUDO_RETURN_IF_ERROR(Run(!closed_.empty(), kGiveUpAll, Params::Of(tenant_, closed_)));
    EMBUDO_RETURN_IF_ERROR(
        Run(!given_up_.keys.empty(), kGiveUp, Params::Of(tenant_, given_up_.kinds, given_up_.keys, given_up_.leads)));
    return Run(!claimed_.keys.empty(), kClaim, Params::Of(tenant_, claimed_.kinds, claimed_.keys, claimed_.leads));
  }

  absl::Status Run(bool needed, const char* sql, const Params& params) {
    return needed ? connection_.Exec(sql, params).status() : absl::OkStatus();
  }

  db::Connection& connection_;
  const std::string& tenant_;
  std::vector<std::string> ids_, states_, companies_, contacts_, lines_;
  std::vector<std::string> gone_, closed_, merged_, survivors_;
  KeyRows added_, removed_;
  ExactRows claimed_, given_up_;
};

}  // namespace

const char kFindLeads[] =
    "SELECT l.lead_id, f.kinds, l.company_name, l.contact_name, l.state FROM ("
    "SELECT x.lead_id, string_agg(DISTINCT split_part(k.key, '=', 1), ',') AS kinds FROM unnest($2::text[]) AS k (key)"
    " CROSS JOIN LATERAL (SELECT y.lead_id FROM capture.lead_key y WHERE y.tenant_id = $1 AND y.key = k.key"
    " ORDER BY y.lead_id DESC LIMIT 30) x GROUP BY x.lead_id) f"
    " JOIN capture.known_lead l ON l.tenant_id = $1 AND l.lead_id = f.lead_id"
    " WHERE l.lead_id IS DISTINCT FROM $3::uuid AND (l.state = 'OPEN' OR NOT $4::boolean)";

namespace {

constexpr char kFindLeadsOfAll[] =
    "SELECT l.lead_id, f.kinds, l.company_name, l.contact_name, l.state, f.item FROM ("
    "SELECT k.item, x.lead_id, string_agg(DISTINCT split_part(k.key, '=', 1), ',') AS kinds"
    " FROM unnest($2::int[], $3::text[]) AS k (item, key)"
    " CROSS JOIN LATERAL (SELECT y.lead_id FROM capture.lead_key y WHERE y.tenant_id = $1 AND y.key = k.key"
    " ORDER BY y.lead_id DESC LIMIT 30) x GROUP BY k.item, x.lead_id) f"
    " JOIN unnest($4::uuid[]) WITH ORDINALITY AS o (other_than, place) ON o.place = f.item + 1"
    " JOIN capture.known_lead l ON l.tenant_id = $1 AND l.lead_id = f.lead_id"
    " WHERE l.lead_id <> o.other_than AND l.state = 'OPEN'";

logic::Found ReadFound(const db::Row& row) {
  logic::Found found;
  found.lead_id = row.Text(0);
  std::string_view kinds = row.Text(1);
  while (!kinds.empty()) {
    const size_t end = std::min(kinds.find(','), kinds.size());
    found.kinds.emplace_back(kinds.substr(0, end));
    kinds.remove_prefix(std::min(end + 1, kinds.size()));
  }
  found.company_name = row.Text(2);
  found.contact_name = row.Text(3);
  Lead::State_Parse(std::string(kStatePrefix) + std::string(row.Text(4)), &found.state);
  return found;
}

}  // namespace

absl::Status IndexLeads(db::Connection& connection, const std::string& tenant,
                        const std::map<std::string, const Lead*>& leads) {
  return leads.empty() ? absl::OkStatus() : Indexing(connection, tenant).Take(leads);
}

absl::StatusOr<std::vector<logic::Found>> FindLeads(db::Pool& pool, const std::string& tenant,
                                                    const std::vector<MatchKey>& keys, const std::string& except,
                                                    bool open_only, db::Deadline deadline) {
  if (keys.empty()) return std::vector<logic::Found>();
  std::vector<std::string> texts;
  for (const MatchKey& key : keys) texts.push_back(TextOf(key));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, tenant, deadline, kFindLeads, Params::Of(tenant, texts).Add(db::OrNull(except)).Add(open_only)));
  std::vector<logic::Found> found;
  for (int i = 0; i < rows.size(); ++i) found.push_back(ReadFound(rows[i]));
  return found;
}

absl::StatusOr<std::vector<std::vector<logic::Found>>> FindLeadsOfAll(db::Pool& pool, const std::string& tenant,
                                                                      const std::vector<LikeSearch>& searches,
                                                                      db::Deadline deadline) {
  std::vector<std::vector<logic::Found>> found(searches.size());
  std::vector<std::string> places, texts, excepts;
  for (size_t i = 0; i < searches.size(); ++i) {
    excepts.push_back(searches[i].except);
    for (const MatchKey& key : searches[i].keys) {
      places.push_back(std::to_string(i));
      texts.push_back(TextOf(key));
    }
  }
  if (texts.empty()) return found;
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool, tenant, deadline, kFindLeadsOfAll,
                                                          Params::Of(tenant, places, texts, excepts)));
  for (int i = 0; i < rows.size(); ++i) found[rows[i].Int(5)].push_back(ReadFound(rows[i]));
  return found;
}

}  // namespace embudo::capture::storage
