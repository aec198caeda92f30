// Finding contacts by a few characters, and those that may be the same. Both go by the keys that the database keeps of
// each contact (migration contact_search).

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/resource/page.h"
#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/phone.h"
#include "common/text/unicode.h"
#include "services/pipeline/logic/contact_rules.h"
#include "services/pipeline/rpc/contact_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Contact;
using v1::DuplicateContact;

constexpr int kDefaultFound = 20;
constexpr int kMaxFound = 100;
constexpr size_t kMaxWords = 8;
constexpr size_t kMinDigits = 3;
constexpr size_t kMaxKey = 64;
constexpr int kMaxDuplicates = 100;
constexpr int kMaxCandidates = 1000;

/// One way to look: keys with a prefix, by contacts that also have keys with each of the others.
struct Probe {
  std::string prefix;
  std::vector<std::string> others;
};

std::string DigitsOf(const std::string& text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

bool LooksLikePhone(const std::string& query) {
  return query.find_first_not_of("0123456789 +-./()") == std::string::npos && DigitsOf(query).size() >= kMinDigits;
}

std::vector<std::string> WordsOf(const std::string& text) {
  const std::string key = text::MatchKey(text);
  std::vector<std::string> words = absl::StrSplit(key, ' ', absl::SkipEmpty());
  for (std::string& word : words) word = word.substr(0, kMaxKey);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

// The longest word leads, since fewest names have it.
void AddName(const std::string& query, std::vector<Probe>* probes) {
  std::vector<std::string> words = WordsOf(query);
  if (words.empty()) return;
  std::stable_sort(words.begin(), words.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  words.resize(std::min(words.size(), kMaxWords));
  for (std::string& word : words) word.insert(0, "n");
  probes->push_back({words[0], {words.begin() + 1, words.end()}});
}

// A number as it is written in its country, in full, or its last digits.
void AddPhone(const std::string& query, const std::string& region, std::vector<Probe>* probes) {
  std::string digits = DigitsOf(query);
  if (query.starts_with("+") || digits.starts_with("00")) {
    if (digits.starts_with("00")) digits.erase(0, 2);
    probes->push_back({"p" + digits, {}});
    return;
  }
  const std::string national = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
  probes->push_back({"p" + text::CallingCode(region) + national, {}});
  probes->push_back({"p" + digits, {}});
  if (national.size() > kMinDigits) probes->push_back({"r" + std::string(national.rbegin(), national.rend()), {}});
}

void AddMail(const std::string& query, std::vector<Probe>* probes) {
  const std::string text = text::ToLower(query);
  if (text.starts_with("@")) {
    probes->push_back({"d" + text.substr(1), {}});
    return;
  }
  // An address is kept as it is compared; part of one is taken as it is.
  const auto address = text::NormaliseEmail(text);
  probes->push_back({"e" + (address.ok() ? *address : text), {}});
}

std::vector<Probe> ProbesOf(const std::string& query, const std::string& region) {
  std::vector<Probe> probes;
  if (query.find('@') != std::string::npos) {
    AddMail(query, &probes);
    return probes;
  }
  if (LooksLikePhone(query)) AddPhone(query, region, &probes);
  AddName(query, &probes);
  if (query.find(' ') == std::string::npos) {
    const std::string text = text::ToLower(query);
    for (const char* kind : {"e", "d", "w"}) probes.push_back({kind + text, {}});
  }
  return probes;
}

// `k.key >= $n AND k.key < $n || …`: the keys with that prefix. The index is by byte, U+10FFFF the last character. The
// database folds the words of names itself, so that both sides are folded alike.
std::string HasPrefix(const std::string& alias, const std::string& prefix, db::Params& params) {
  params.Add(prefix);
  std::string parameter = "$" + std::to_string(params.size()) + "::text";
  if (prefix.starts_with("n")) parameter = "pipeline.fold(" + parameter + ")";
  return alias + ".key >= " + parameter + " AND " + alias + ".key < " + parameter + " || chr(1114111)";
}

std::string SqlOf(const Probe& probe, int rank, const std::string& kind, int limit, db::Params& params) {
  std::string sql = "(SELECT " + std::to_string(rank) + " AS rank, k.key, k.contact_id FROM pipeline.contact_key k";
  std::string where = " WHERE k.tenant_id = $1 AND " + HasPrefix("k", probe.prefix, params);
  if (!kind.empty()) {
    params.Add(kind);
    sql += " JOIN pipeline.contact c ON c.tenant_id = k.tenant_id AND c.contact_id = k.contact_id";
    where += " AND c.kind = $" + std::to_string(params.size());
  }
  for (const std::string& other : probe.others) {
    where +=
        " AND EXISTS (SELECT 1 FROM pipeline.contact_key o WHERE o.tenant_id = $1 AND o.contact_id = k.contact_id "
        "AND " +
        HasPrefix("o", other, params) + ")";
  }
  return sql + where + " ORDER BY k.key, k.contact_id LIMIT " + std::to_string(limit) + ")";
}

void AddReason(DuplicateContact::Reason reason, DuplicateContact* duplicate) {
  const auto& reasons = duplicate->reasons();
  if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) duplicate->add_reasons(reason);
}

using Duplicates = std::map<std::string, DuplicateContact>;

// Those with the same mail address, phone number, or website domain of a company.
absl::Status FindByKeys(Records& records, const CallContext& call, const Contact& contact, Duplicates* found) {
  static const std::string sql =
      "SELECT k.key, " + storage::ContactTable().SelectList("t") +
      " FROM pipeline.contact_key o"
      " JOIN pipeline.contact_key k ON k.tenant_id = $1 AND k.key = o.key AND k.contact_id <> o.contact_id"
      " JOIN pipeline.contact t ON t.tenant_id = $1 AND t.contact_id = k.contact_id AND t.kind = $3"
      " WHERE o.tenant_id = $1 AND o.contact_id = $2::uuid AND left(o.key, 1) = ANY ($4) LIMIT " +
      std::to_string(kMaxCandidates);
  std::vector<std::string> kinds = {"e", "p"};
  const bool domain =
      contact.kind() == Contact::KIND_COMPANY && !text::IsFreeMailDomain(text::WebsiteDomain(contact.website()));
  if (domain) kinds.emplace_back("w");
  const std::string kind =
      resource::ShortName(contact.GetReflection()->GetEnum(contact, Contact::descriptor()->FindFieldByName("kind")));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline, sql,
               db::Params::Of(call.tenant(), contact.name().substr(contact.name().find('/') + 1), kind, kinds)));
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = storage::ContactTable().Read(rows[i], 1);
    const auto& other = static_cast<const Contact&>(*record.message);
    DuplicateContact& duplicate = (*found)[other.name()];
    *duplicate.mutable_contact() = other;
    const char first = rows[i].Text(0)[0];
    AddReason(first == 'e'   ? DuplicateContact::REASON_EMAIL
              : first == 'p' ? DuplicateContact::REASON_PHONE
                             : DuplicateContact::REASON_DOMAIN,
              &duplicate);
  }
  return absl::OkStatus();
}

// Those with the same name, persons within the same company.
absl::Status FindByName(Records& records, const CallContext& call, const Contact& contact, Duplicates* found) {
  static const std::string sql = "SELECT " + storage::ContactTable().SelectList("t") +
                                 " FROM (SELECT contact_id FROM pipeline.contact_key WHERE tenant_id = $1"
                                 " AND key IN (SELECT 'n' || pipeline.fold(word) FROM unnest($2::text[]) word)"
                                 " GROUP BY contact_id HAVING count(*) = cardinality($2::text[]) LIMIT " +
                                 std::to_string(kMaxCandidates) +
                                 ") k JOIN pipeline.contact t ON t.tenant_id = $1 AND t.contact_id = k.contact_id";
  const std::string key = logic::NameKey(contact);
  const std::vector<std::string> words = WordsOf(key);
  if (words.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, sql,
                                                          db::Params::Of(call.tenant(), words)));
  for (int i = 0; i < rows.size(); ++i) {
    const resource::Record record = storage::ContactTable().Read(rows[i]);
    const auto& other = static_cast<const Contact&>(*record.message);
    const bool person = contact.kind() == Contact::KIND_PERSON;
    if (other.name() == contact.name() || other.kind() != contact.kind() || logic::NameKey(other) != key ||
        (person && other.company() != contact.company())) {
      continue;
    }
    DuplicateContact& duplicate = (*found)[other.name()];
    *duplicate.mutable_contact() = other;
    AddReason(DuplicateContact::REASON_NAME, &duplicate);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::SearchContactsResponse> SearchContacts(Records& records, const CallContext& call,
                                                          const v1::SearchContactsRequest& request) {
  const std::string query = text::FoldWhitespace(request.query());
  if (text::CountCharacters(query) < 2) return InvalidField("query", "is shorter than two characters");
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, records.catalogs().Get(call.tenant(), call.deadline));
  const int size = resource::PageSize(request, kDefaultFound, kMaxFound);
  const std::string kind = resource::ShortName(
      request.GetReflection()->GetEnum(request, v1::SearchContactsRequest::descriptor()->FindFieldByName("kind")));
  const std::vector<Probe> probes = ProbesOf(query, catalog->tenant.region_code());
  v1::SearchContactsResponse response;
  if (probes.empty()) return response;

  db::Params params = db::Params::Of(call.tenant());
  std::string all;
  for (size_t i = 0; i < probes.size(); ++i) {
    // A contact may have several such keys.
    all += (all.empty() ? "" : " UNION ALL ") + SqlOf(probes[i], static_cast<int>(i), kind, 2 * size, params);
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline,
               "SELECT " + storage::ContactTable().SelectList("t") +
                   " FROM (SELECT * FROM (SELECT DISTINCT ON (contact_id) contact_id, rank, key FROM (" + all +
                   ") a ORDER BY contact_id, rank, key) d ORDER BY rank, key, contact_id LIMIT " +
                   std::to_string(size) +
                   ") k JOIN pipeline.contact t ON t.tenant_id = $1 AND t.contact_id = k.contact_id"
                   " ORDER BY k.rank, k.key, k.contact_id",
               params));
  for (int i = 0; i < rows.size(); ++i) {
    *response.add_contacts() = static_cast<const Contact&>(*storage::ContactTable().Read(rows[i]).message);
  }
  return response;
}

absl::StatusOr<v1::FindDuplicateContactsResponse> FindDuplicateContacts(
    Records& records, const CallContext& call, const v1::FindDuplicateContactsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.contacts().Load(call, request.name()));
  const auto& contact = static_cast<const Contact&>(*record.message);
  Duplicates found;
  EMBUDO_RETURN_IF_ERROR(FindByKeys(records, call, contact, &found));
  EMBUDO_RETURN_IF_ERROR(FindByName(records, call, contact, &found));
  std::vector<DuplicateContact> duplicates;
  for (auto& [name, duplicate] : found) {
    std::sort(duplicate.mutable_reasons()->begin(), duplicate.mutable_reasons()->end());
    duplicates.push_back(std::move(duplicate));
  }
  // The surest first: an address before a number before a domain before a name, and two of them before one.
  std::stable_sort(duplicates.begin(), duplicates.end(), [](const DuplicateContact& a, const DuplicateContact& b) {
    if (a.reasons(0) != b.reasons(0)) return a.reasons(0) < b.reasons(0);
    return a.reasons_size() > b.reasons_size();
  });
  v1::FindDuplicateContactsResponse response;
  for (DuplicateContact& duplicate : duplicates) {
    if (response.duplicates_size() == kMaxDuplicates) break;
    *response.add_duplicates() = std::move(duplicate);
  }
  return response;
}

}  // namespace embudo::pipeline::rpc
