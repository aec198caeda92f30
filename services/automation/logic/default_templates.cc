#include "services/automation/logic/default_templates.h"

#include <string>

namespace embudo::automation::logic {
namespace {

/// Paragraphs and lists, in both forms: HTML as given, the text made of it.
v1::MailTemplate Make(const std::string& id, const std::string& display_name, const std::string& subject,
                      const std::string& html, bool transactional) {
  v1::MailTemplate made;
  made.set_name("mailTemplates/" + id);
  made.set_display_name(display_name);
  made.set_subject(subject);
  made.set_language("en");
  made.set_transactional(transactional);
  std::string body = "<p>Hello {{lead.contact_name | first_word | default(\"there\")}},</p>\n" + html +
                     "<p>Kind regards,<br>{{sender.display_name}}</p>\n";
  if (!transactional) {
    body +=
        "<p><small>You get this mail because you wrote to us. <a href=\"{{unsubscribe_link}}\">Unsubscribe</a>"
        "</small></p>\n";
  }
  made.set_html_body(body);
  return made;
}

}  // namespace

std::vector<v1::MailTemplate> DefaultTemplates() {
  return {
      Make("first-outreach", "First outreach after a form", "Your request: {{lead.display_name | truncate(80)}}",
           "<p>Thank you for getting in touch. I have your request here and would "
           "like to understand it well before I suggest anything.</p>\n"
           "<p>Could we talk for 20 minutes this week? If you send me two times that suit you, I will confirm one of "
           "them. It helps to know:</p>\n"
           "<ul><li>what made you look for a solution now</li><li>what you use today</li>"
           "<li>by when it should work</li></ul>\n",
           false),
      Make("meeting-confirmation", "Meeting confirmation with agenda",
           "Our meeting on {{lead.next_activity_date | date(\"EEEE, d MMMM\") | default(\"the agreed day\")}}",
           "<p>I look forward to our meeting on <b>{{lead.next_activity_date | date(\"EEEE, d MMMM yyyy\") | "
           "default(\"the agreed day\")}}</b>. This is what I suggest we talk about:</p>\n"
           "<ol><li>Where you are today: {{lead.current_solution | default(\"how you work now\")}}</li>"
           "<li>What should change: {{lead.pain | default(\"what takes too long or goes wrong\")}}</li>"
           "<li>What a solution must do, and who decides</li><li>Budget and dates</li><li>Next steps</li></ol>\n"
           "<p>Is there something to add? Just answer this mail.</p>\n",
           true),
      Make("proposal", "Proposal with next steps", "Our proposal: {{lead.display_name | truncate(80)}}",
           "<p>As agreed, here is our proposal. It comes to "
           "<b>{{lead.expected_revenue | default(\"the amount in the document\")}}</b>.</p>\n"
           "<p>The next steps:</p>\n"
           "<ol><li>You read it through and send me your questions</li>"
           "<li>We go through scope and price together</li><li>You accept, and we begin</li></ol>\n",
           true),
      Make("meeting-summary", "Post-meeting summary", "Summary of our meeting: {{lead.display_name | truncate(80)}}",
           "<p>Thank you for your time today. This is what I have understood; please correct me where I am wrong.</p>\n"
           "<ul><li>Today: {{lead.current_solution | default(\"as we discussed\")}}</li>"
           "<li>The problem: {{lead.pain | default(\"as we discussed\")}}</li>"
           "<li>Budget: {{lead.budget | default(\"to be settled\")}}</li>"
           "<li>Decision by: {{lead.decision_date | default(\"to be settled\")}}</li></ul>\n"
           "<p>I will come back to you with a proposal. From you I need the open points above.</p>\n",
           true),
      Make("won-follow-up", "Follow-up after a won deal", "Welcome, and how we begin",
           "<p>Thank you for your trust. We are glad to work with "
           "{{lead.company_name | default(\"you\")}}.</p>\n"
           "<p>Within two working days you will hear from the person who is in charge of your project, with a plan for "
           "the first weeks. Until then I am here for every question.</p>\n",
           true),
      Make("lost-follow-up", "Follow-up after a lost deal", "Thank you for considering us",
           "<p>Thank you for the time that you gave us, and for telling us how you decided. I would have liked to work "
           "with you, and I respect your choice.</p>\n"
           "<p>If you tell me in one sentence what tipped the scales, it helps us to become better. And if things "
           "change, one mail is enough.</p>\n",
           false),
  };
}

}  // namespace embudo::automation::logic
