#include "services/automation/mail/template_odoo.h"

#include <map>
#include <string_view>

namespace embudo::automation::mail {
namespace {

using Names = std::map<std::string_view, std::string_view>;

/// Fields of crm.lead, and what they are here.
const Names& OfLead() {
  static const Names names = {{"name", "display_name"},
                              {"display_name", "display_name"},
                              {"partner_id", "contact"},
                              {"commercial_partner_id", "company"},
                              {"partner_name", "company_name"},
                              {"contact_name", "contact_name"},
                              {"email_from", "email"},
                              {"email_normalized", "email"},
                              {"phone", "phone"},
                              {"mobile", "phone"},
                              {"function", "job_title"},
                              {"website", "website"},
                              {"user_id", "owner"},
                              {"team_id", "team"},
                              {"stage_id", "stage"},
                              {"source_id", "source"},
                              {"medium_id", "medium"},
                              {"campaign_id", "campaign"},
                              {"country_id", "country"},
                              {"lang_id", "language"},
                              {"lang_code", "language"},
                              {"expected_revenue", "expected_revenue"},
                              {"recurring_revenue", "recurring_revenue"},
                              {"probability", "probability"},
                              {"date_deadline", "expected_close_date"},
                              {"date_closed", "close_time"},
                              {"create_date", "create_time"},
                              {"description", "description"},
                              {"priority", "priority"},
                              {"tag_ids", "tags"},
                              {"lost_reason_id", "lost_reason"}};
  return names;
}

/// Fields of res.partner, res.users and the smaller models behind a lead.
const Names& OfOthers() {
  static const Names names = {{"name", "display_name"},     {"display_name", "display_name"},
                              {"email", "email"},           {"email_normalized", "email"},
                              {"email_formatted", "email"}, {"login", "email"},
                              {"phone", "phone"},           {"mobile", "phone"},
                              {"function", "job_title"},    {"website", "website"},
                              {"parent_id", "company"},     {"commercial_partner_id", "company"},
                              {"country_id", "country"},    {"lang", "language"},
                              {"user_id", "manager"}};
  return names;
}

/// Records there, texts here: their name is the text.
bool IsText(std::string_view name) {
  return name == "source_id" || name == "medium_id" || name == "campaign_id" || name == "country_id" ||
         name == "lang_id";
}

}  // namespace

bool FromOdoo(std::vector<std::string>& parts, std::string& error) {
  std::vector<std::string> ours = {"lead"};
  const Names* names = &OfLead();
  for (size_t i = 1; i < parts.size(); ++i) {
    const auto found = names->find(parts[i]);
    if (found == names->end()) {
      error = "\"" + parts[i] + "\" is no field of Odoo's that is known here";
      return false;
    }
    ours.emplace_back(found->second);
    if (IsText(parts[i]) && i + 1 < parts.size()) {
      if (i + 2 == parts.size() &&
          (parts[i + 1] == "name" || parts[i + 1] == "code" || parts[i + 1] == "display_name")) {
        break;
      }
      error = "\"" + parts[i] + "\" is a text here, and has a name only";
      return false;
    }
    names = &OfOthers();
  }
  parts = std::move(ours);
  return true;
}

}  // namespace embudo::automation::mail
