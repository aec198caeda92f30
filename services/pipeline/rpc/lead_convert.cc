// ConvertLead: an unqualified lead becomes an opportunity, linked to its person and company.

#include <algorithm>
#include <optional>

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/name.h"
#include "common/text/unicode.h"
#include "services/pipeline/rpc/lead_place.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Contact;
using type::v1::Lead;
using Mode = v1::ConvertLeadRequest;

constexpr char kByEmail[] = "t.kind = 'PERSON' AND (t.email = $2 OR $2::text = ANY(t.other_emails))";
constexpr char kOfCompany[] = "t.kind = 'PERSON' AND t.company_id = $2::uuid";
constexpr char kWithoutCompany[] = "t.kind = 'PERSON' AND t.company_id IS NULL AND lower(t.display_name) = lower($2)";
constexpr char kCompanyByName[] = "t.kind = 'COMPANY' AND t.display_name = $2";
constexpr char kCompanyAlike[] =
    "t.kind = 'COMPANY' AND (lower(t.display_name) = lower($2) OR ($3::text <> '' AND strpos(lower(t.website), $3) > "
    "0))";

/// Converts that make the same customer at the same moment do it one after the other: the first to come here commits,
/// the others see what it made.
constexpr char kOneAfterTheOther[] = "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))";
constexpr char kOthersMadeIt[] =
    "SELECT FROM pipeline.contact t WHERE t.tenant_id = $1 AND t.delete_time IS NULL AND t.contact_id <> $3::uuid AND ";
constexpr char kNameAlike[] = "t.kind = 'COMPANY' AND lower(t.display_name) = lower($2)";

/// ABORTED, to be tried again from the start, if another than `made` is there with the same key.
absl::Status CheckAlone(db::Connection& connection, const std::string& tenant, const Contact& made) {
  const bool person = made.kind() == Contact::KIND_PERSON;
  const std::string& key = person ? made.email() : made.display_name();
  if (key.empty()) return absl::OkStatus();
  const std::string lock = (person ? "person/" : "company/") + text::ToLower(key);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kOneAfterTheOther, db::Params::Of(tenant, lock)).status());
  const std::string id = made.name().substr(made.name().find('/') + 1);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result others,
      connection.Exec(std::string(kOthersMadeIt) + (person ? kByEmail : kNameAlike), db::Params::Of(tenant, key, id)));
  if (others.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "VERSION_CHANGED", made.display_name() + " has just been made by another");
}

/// Finds, makes and links the person and the company of a lead.
class Customer {
 public:
  Customer(Records& records, const CallContext& call, const v1::ConvertLeadRequest& request)
      : records_(records), call_(call), request_(request) {}

  absl::Status Link(Lead& lead, resource::Effects& effects) {
    EMBUDO_RETURN_IF_ERROR(LinkNamed(request_.contact(), "contact", Contact::KIND_PERSON, &person_));
    EMBUDO_RETURN_IF_ERROR(LinkNamed(request_.company(), "company", Contact::KIND_COMPANY, &company_));
    if (request_.customer_mode() != Mode::CUSTOMER_MODE_NONE) EMBUDO_RETURN_IF_ERROR(Search(lead));
    const bool creates = request_.customer_mode() == Mode::CUSTOMER_MODE_UNSPECIFIED ||
                         request_.customer_mode() == Mode::CUSTOMER_MODE_LINK_OR_CREATE;
    if (creates) EMBUDO_RETURN_IF_ERROR(Create(lead, effects));
    if (person_) lead.set_contact(person_->name());
    if (company_) lead.set_company(company_->name());
    return absl::OkStatus();
  }

  /// Those that are new with it.
  std::vector<const Contact*> created() const {
    std::vector<const Contact*> contacts;
    if (created_person_) contacts.push_back(&*person_);
    if (created_company_) contacts.push_back(&*company_);
    return contacts;
  }

 private:
  absl::Status LinkNamed(const std::string& name, const std::string& field, Contact::Kind kind,
                         std::optional<Contact>* contact) {
    if (name.empty()) return absl::OkStatus();
    const absl::StatusOr<resource::Record> loaded = records_.contacts().Load(call_, name);
    const absl::StatusCode code = loaded.status().code();
    if (code == absl::StatusCode::kNotFound || code == absl::StatusCode::kInvalidArgument) {
      return InvalidField(field, "there is no " + name);
    }
    if (!loaded.ok()) return loaded.status();
    const auto& found = static_cast<const Contact&>(*loaded->message);
    if (found.kind() != kind) {
      return InvalidField(field, kind == Contact::KIND_PERSON ? name + " is no person" : name + " is no company");
    }
    *contact = found;
    return absl::OkStatus();
  }

  /// What the lead names goes before what is found.
  absl::Status Search(const Lead& lead) {
    EMBUDO_RETURN_IF_ERROR(Keep(lead.contact(), &person_));
    EMBUDO_RETURN_IF_ERROR(Keep(lead.company(), &company_));
    if (!person_ && !lead.email().empty()) EMBUDO_RETURN_IF_ERROR(FindByEmail(lead.email()));
    if (!company_ && person_) EMBUDO_RETURN_IF_ERROR(Keep(person_->company(), &company_));
    if (!company_) EMBUDO_RETURN_IF_ERROR(FindCompany(lead));
    if (!person_ && !lead.contact_name().empty()) EMBUDO_RETURN_IF_ERROR(FindByName(lead.contact_name()));
    return absl::OkStatus();
  }

  absl::Status Keep(const std::string& name, std::optional<Contact>* contact) {
    if (*contact || name.empty()) return absl::OkStatus();
    const absl::StatusOr<resource::Record> loaded = records_.contacts().Load(call_, name);
    if (loaded.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
    if (!loaded.ok()) return loaded.status();
    *contact = static_cast<const Contact&>(*loaded->message);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Contact>> Find(const std::string& where, db::Params params) const {
    const resource::Table& table = storage::ContactTable();
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(records_.pool(), call_.tenant(), call_.deadline,
                 "SELECT " + table.SelectList("t") +
                     " FROM pipeline.contact t WHERE t.tenant_id = $1 AND t.delete_time IS NULL AND " + where +
                     " ORDER BY t.create_time, t.contact_id LIMIT 1000",
                 params));
    std::vector<Contact> contacts;
    for (int i = 0; i < rows.size(); ++i) contacts.push_back(static_cast<Contact&>(*table.Read(rows[i]).message));
    return contacts;
  }

  absl::Status FindByEmail(const std::string& text) {
    const auto email = text::NormaliseEmail(text);
    if (!email.ok()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const auto found, Find(kByEmail, db::Params::Of(call_.tenant(), *email)));
    if (!found.empty()) person_ = found[0];
    return absl::OkStatus();
  }

  absl::Status FindByName(const std::string& name) {
    const std::string key = text::PersonKey(name);
    const std::string company = company_ ? company_->name().substr(company_->name().find('/') + 1) : "";
    EMBUDO_ASSIGN_OR_RETURN(const auto found, company.empty()
                                                  ? Find(kWithoutCompany, db::Params::Of(call_.tenant(), name))
                                                  : Find(kOfCompany, db::Params::Of(call_.tenant(), company)));
    for (const Contact& person : found) {
      if (text::PersonKey(person.display_name()) != key) continue;
      person_ = person;
      break;
    }
    return absl::OkStatus();
  }

  absl::Status FindCompany(const Lead& lead) {
    const std::string domain = text::WebsiteDomain(lead.website());
    if (lead.company_name().empty() && domain.empty()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(auto found, Find(kCompanyByName, db::Params::Of(call_.tenant(), lead.company_name())));
    if (found.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(found, Find(kCompanyAlike, db::Params::Of(call_.tenant(), lead.company_name(), domain)));
    }
    const std::string key = text::CompanyKey(lead.company_name());
    for (const Contact& company : found) {
      const bool same_name = !key.empty() && text::CompanyKey(company.display_name()) == key;
      const bool same_site = !domain.empty() && text::WebsiteDomain(company.website()) == domain;
      if (!same_name && !same_site) continue;
      company_ = company;
      break;
    }
    return absl::OkStatus();
  }

  absl::Status Create(const Lead& lead, resource::Effects& effects) {
    if (!company_ && !lead.company_name().empty()) {
      auto company = std::make_unique<Contact>();
      company->set_kind(Contact::KIND_COMPANY);
      company->set_display_name(lead.company_name());
      company->set_website(lead.website());
      company->set_industry(lead.industry());
      company->set_headcount(lead.headcount());
      company->set_country(lead.country());
      EMBUDO_RETURN_IF_ERROR(Add(std::move(company), "", &company_, effects));
      created_company_ = true;
    }
    const std::string name = lead.contact_name().empty() ? lead.email() : lead.contact_name();
    if (!person_ && !name.empty()) {
      auto person = std::make_unique<Contact>();
      person->set_kind(Contact::KIND_PERSON);
      person->set_display_name(name);
      person->set_email(lead.email());
      person->set_phone(lead.phone());
      person->set_job_title(lead.job_title());
      person->set_contact_role(lead.contact_role());
      person->set_language(lead.language());
      person->set_country(lead.country());
      EMBUDO_RETURN_IF_ERROR(Add(std::move(person), company_ ? company_->name() : "", &person_, effects));
      created_person_ = true;
    }
    return absl::OkStatus();
  }

  /// `company` may be new too, so that the contact's own rules would not find it.
  absl::Status Add(std::unique_ptr<Contact> contact, const std::string& company, std::optional<Contact>* added,
                   resource::Effects& effects) {
    contact->set_name("contacts/" + Uuid::V7(records_.clock().Now()).ToString());
    EMBUDO_ASSIGN_OR_RETURN(resource::Change change,
                            records_.contacts().NewChange(call_, std::move(contact), v1::GetLeadRequest()));
    auto& record = static_cast<Contact&>(*change.after.message);
    record.set_company(company);
    *added = record;
    effects.first.push_back(std::move(change));
    return absl::OkStatus();
  }

  Records& records_;
  const CallContext& call_;
  const v1::ConvertLeadRequest& request_;
  std::optional<Contact> person_;
  std::optional<Contact> company_;
  bool created_person_ = false;
  bool created_company_ = false;
};

}  // namespace

absl::StatusOr<Lead> ConvertLead(Records& records, const CallContext& call, const v1::ConvertLeadRequest& request) {
  const auto convert = [&](Message& record, resource::Effects& effects) -> absl::Status {
    auto& lead = static_cast<Lead&>(record);
    const Lead before = lead;
    EMBUDO_RETURN_IF_ERROR(records.WithScene(call, [&](const logic::Scene& scene) {
      return logic::Convert(scene, request.stage(), request.owner(), request.team(), lead);
    }));
    Customer customer(records, call, request);
    EMBUDO_RETURN_IF_ERROR(customer.Link(lead, effects));
    const Planned none;
    EMBUDO_RETURN_IF_ERROR(PlaceOnTop(records, call, none, lead));
    std::vector<Contact> made;
    for (const Contact* contact : customer.created()) made.push_back(*contact);
    if (!made.empty()) {
      effects.statements = [tenant = call.tenant(), made](db::Connection& connection) {
        absl::Status status;
        for (const Contact& contact : made) status.Update(CheckAlone(connection, tenant, contact));
        return status;
      };
    }
    effects.prepared = true;
    return records.PrepareLead(call, lead, &before, customer.created());
  };
  Lead response;
  EMBUDO_RETURN_IF_ERROR(records.leads().Modify(call, request.name(), request.etag(), request,
                                                type::v1::EVENT_TYPE_LEAD_CONVERTED, convert, response));
  return response;
}

}  // namespace embudo::pipeline::rpc
