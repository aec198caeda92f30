#include "services/capture/logic/form_capture.h"

#include <array>
#include <charconv>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/text/unicode.h"
#include "services/capture/logic/field_map.h"
#include "services/capture/logic/policy.h"

namespace embudo::capture::logic {
namespace {

using v1::Form;
using v1::Submission;

/// Letters and digits of a field's name: `First Name`, `first-name` and `firstName` are the same.
std::string KeyOf(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) key += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return key;
}

struct UsualNames {
  const char* field;
  std::initializer_list<const char*> names;
};

/// What fields are called on most pages, the best name first; of several, one is taken.
const std::array<UsualNames, 10>& Usual() {
  static const std::array<UsualNames, 10> usual = {{
      {"contact_name", {"name", "fullname", "yourname", "contactname", "contact"}},
      {"email", {"email", "emailaddress", "youremail", "mail", "workemail", "businessemail"}},
      {"phone", {"phone", "phonenumber", "tel", "telephone", "mobile"}},
      {"company_name", {"company", "companyname", "organization", "organisation"}},
      {"job_title", {"jobtitle", "title", "role", "position"}},
      {"country", {"country", "countrycode"}},
      {"website", {"website", "companywebsite", "url"}},
      {"industry", {"industry"}},
      {"display_name", {"subject"}},
      {"description", {"message", "comments", "comment", "description", "notes", "question"}},
  }};
  return usual;
}

FieldMap::Mappings UsualMappings(const FormFields& fields) {
  FieldMap::Mappings mappings;
  const auto add = [&](const char* wanted, const char* field) {
    for (const auto& [name, text] : fields.all()) {
      if (text.empty() || KeyOf(name) != wanted) continue;
      v1::FieldMapping& mapping = *mappings.Add();
      mapping.set_source(name);
      mapping.set_field(field);
      return true;
    }
    return false;
  };
  for (const UsualNames& usual : Usual()) {
    for (const char* name : usual.names) {
      if (add(name, usual.field)) break;
    }
  }
  if (mappings.empty() || mappings[0].field() != "contact_name") {
    add("firstname", "contact_name");
    add("lastname", "contact_name");
  }
  return mappings;
}

bool Agrees(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  return !lower.empty() && lower != "false" && lower != "0" && lower != "no" && lower != "off";
}

/// What tells that no person has filled the form in; empty if nothing does.
std::string MachineSign(const Form& form, const FormFields& fields) {
  if (!form.honeypot_field().empty() && !fields.Get(form.honeypot_field()).empty()) {
    return "the field \"" + form.honeypot_field() + "\", which people do not see, was filled in";
  }
  if (form.min_fill_seconds() == 0) return "";
  const std::string& elapsed = fields.Get(kElapsedField);
  int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(elapsed.data(), elapsed.data() + elapsed.size(), milliseconds);
  if (error != std::errc() || end != elapsed.data() + elapsed.size()) {
    return "the page did not tell how long the form was open";
  }
  if (milliseconds < int64_t{1000} * form.min_fill_seconds()) return "the form was filled in too quickly";
  return "";
}

bool IsWebAddress(std::string_view uri) {
  const bool secure = uri.starts_with("https://");
  if (!secure && !uri.starts_with("http://")) return false;
  uri.remove_prefix(secure ? 8 : 7);
  const std::string_view authority = uri.substr(0, uri.find_first_of("/?#"));
  if (authority.empty() || authority.find('@') != std::string_view::npos) return false;
  for (const char c : uri) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '<' || c == '>' || c == '\\' || c == '\x7f')
      return false;
  }
  return true;
}

}  // namespace

Capturing CaptureForm(const Form& form, const FormFields& fields, const Visit& visit) {
  Capturing capturing;
  v1::WebForm& payload = *capturing.request.mutable_payload()->mutable_web_form();
  payload.set_form(form.name());
  payload.set_page(text::CutText(visit.page, 4000));
  for (const auto& [name, text] : fields.all()) (*payload.mutable_fields())[name] = text;
  if (capturing.reason = MachineSign(form, fields); !capturing.reason.empty()) {
    capturing.outcome = Submission::OUTCOME_SPAM;
    return capturing;
  }
  const auto map = FieldMap::Compile(form.fields().empty() ? UsualMappings(fields) : form.fields(), "form.fields");
  if (!map.ok()) {
    capturing.outcome = Submission::OUTCOME_REJECTED;
    capturing.reason = MessageOf(map.status());
    return capturing;
  }
  Mapped mapped = map->Map([&](const v1::FieldMapping& mapping) {
    const std::string& text = fields.Get(mapping.source());
    return text.empty() ? std::vector<std::string>() : std::vector<std::string>{text};
  });
  *capturing.request.mutable_lead() = std::move(mapped.lead);
  *capturing.request.mutable_touch() = std::move(mapped.touch);
  CompleteTouch(fields, visit, capturing.request.mutable_touch());
  FillDefaults(form, capturing.request);
  if (form.consent_required() && !Agrees(fields.Get(form.consent_field()))) {
    mapped.rejected = form.consent_field() + ": the consent is missing";
    mapped.rejected_source = form.consent_field();
  }
  if (mapped.rejected.empty()) return capturing;
  capturing.outcome = Submission::OUTCOME_REJECTED;
  capturing.reason = mapped.rejected;
  capturing.wrong_field = mapped.rejected_source;
  return capturing;
}

absl::Status PrepareForm(Form& form) {
  EMBUDO_RETURN_IF_ERROR(FieldMap::Compile(form.fields(), "form.fields").status());
  EMBUDO_RETURN_IF_ERROR(CheckRules(form.duplicate_rules(), "form.duplicate_rules"));
  for (int i = 0; i < form.allowed_origins_size(); ++i) {
    std::string& origin = *form.mutable_allowed_origins(i);
    origin = absl::AsciiStrToLower(origin);
    if (origin == "*") continue;
    if (origin.ends_with('/')) origin.pop_back();
    if (!IsWebAddress(origin) || origin.find_first_of("/?#", origin.find("//") + 2) != std::string::npos) {
      return InvalidField("form.allowed_origins[" + std::to_string(i) + "]",
                          "is no origin, such as https://www.example.com");
    }
  }
  if (!form.redirect_uri().empty() && !IsWebAddress(form.redirect_uri())) {
    return InvalidField("form.redirect_uri", "is no http or https address");
  }
  if (form.consent_required() && form.consent_field().empty()) {
    return InvalidField("form.consent_field", "must be set where the consent is required");
  }
  return absl::OkStatus();
}

}  // namespace embudo::capture::logic
