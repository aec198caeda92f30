#include "services/automation/mail/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "embudo/type/v1/catalog.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "embudo/type/v1/user.pb.h"
#include "services/automation/logic/default_templates.h"

namespace embudo::automation::mail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using v1::MailTemplate;

MailTemplate WithText(const std::string& text) {
  MailTemplate made;
  made.set_subject("x");
  made.set_text_body(text);
  return made;
}

class TemplateTest : public ::testing::Test {
 protected:
  TemplateTest() {
    lead_.set_name("leads/1");
    lead_.set_display_name("Ten laptops");
    lead_.set_contact_name("Ada <Lovelace> & Co");
    lead_.set_email("ada@example.com");
    lead_.set_owner("users/ana");
    lead_.set_contact("contacts/1");
    lead_.mutable_expected_revenue()->set_units(12345);
    lead_.mutable_expected_revenue()->set_nanos(500000000);
    lead_.mutable_expected_revenue()->set_currency_code("EUR");
    *lead_.mutable_expected_close_date() = ToDate(std::chrono::year(2026) / 3 / 9);
    lead_.set_description("One\nTwo");
    lead_.add_tags("tags/a");
    lead_.add_tags("tags/b");
    (*lead_.mutable_custom_fields())["region"].set_string_value("North");
    lead_.set_probability(12.5);
    auto contact = std::make_unique<type::v1::Contact>();
    contact->set_name("contacts/1");
    contact->set_display_name("Ada Lovelace");
    contact->set_company("contacts/2");
    contact->mutable_address()->set_postal_code("75001");
    auto company = std::make_unique<type::v1::Contact>();
    company->set_display_name("Engines Ltd");
    auto owner = std::make_unique<type::v1::User>();
    owner->set_display_name("Ana Pérez");
    owner->set_email("ana@example.com");
    for (const char* id : {"a", "b"}) {
      auto tag = std::make_unique<type::v1::Tag>();
      tag->set_display_name(std::string("Tag ") + id);
      records_["tags/" + std::string(id)] = std::move(tag);
    }
    records_["contacts/1"] = std::move(contact);
    records_["contacts/2"] = std::move(company);
    records_["users/ana"] = std::move(owner);
  }

  absl::StatusOr<Rendered> Render(const MailTemplate& source, const std::string& language = "") {
    auto compiled = Template::Compile(source, language);
    if (!compiled.ok()) return compiled.status();
    return compiled->Render({lead_, "users/ana", records_, link_, std::chrono::sys_days{today_}, "UTC"});
  }
  std::string Text(const std::string& text, const std::string& language = "") {
    MailTemplate source = WithText(text);
    source.set_language(language);
    const auto rendered = Render(source);
    return rendered.ok() ? rendered->text : MessageOf(rendered.status());
  }
  std::string Html(const std::string& html) {
    MailTemplate source = WithText("");
    source.set_html_body(html);
    const auto rendered = Render(source);
    return rendered.ok() ? rendered->html : MessageOf(rendered.status());
  }

  std::string link_ = "https://x/u/1";
  std::chrono::year_month_day today_ = std::chrono::year(2026) / 1 / 2;
  type::v1::Lead lead_;
  Records records_;
};

TEST_F(TemplateTest, NativePathsGoThroughReferences) {
  EXPECT_EQ(Text("{{lead.display_name}}, {{ lead.name }}"), "Ten laptops, Ten laptops");
  EXPECT_EQ(Text("{{lead.contact.name}} of {{lead.contact.company.display_name}}"), "Ada Lovelace of Engines Ltd");
  EXPECT_EQ(Text("{{lead.owner}} {{lead.owner.email}} {{sender.display_name}}"), "Ana Pérez ana@example.com Ana Pérez");
  EXPECT_EQ(Text("{{lead.tags}}; {{lead.tags.display_name | join(\" + \")}}"), "Tag a, Tag b; Tag a + Tag b");
  EXPECT_EQ(Text("{{lead.custom_fields.region}}|{{lead.custom_fields.none}}"), "North|");
  EXPECT_EQ(Text("{{lead.contact.address.postal_code}}"), "75001");
  EXPECT_EQ(Text("{{today | date(\"yyyy-MM-dd\")}} {{unsubscribe_link}}"), "2026-01-02 https://x/u/1");
}

TEST_F(TemplateTest, ALinkThatLeadsNowhereIsLeftOut) {
  const std::string footer =
      "<p>You wrote to us. <a class=\"x\" href=\"{{unsubscribe_link}}\">Unsubscribe</a></p>"
      "<p><a href=\"https://y.example\">Us</a></p>";
  EXPECT_THAT(Html(footer), HasSubstr("Unsubscribe</a>"));
  link_.clear();
  EXPECT_THAT(Html(footer), ::testing::AllOf(HasSubstr("You wrote to us."), HasSubstr("Us</a>"),
                                             ::testing::Not(HasSubstr("Unsubscribe"))));
}

TEST_F(TemplateTest, OdoosPathsMeanOurs) {
  EXPECT_EQ(Text("{{ object.partner_id.name }}, {{object.partner_id.parent_id.name}}"), "Ada Lovelace, Engines Ltd");
  EXPECT_EQ(Text("{{object.name}} {{object.email_from}} {{object.user_id.name}}"),
            "Ten laptops ada@example.com Ana Pérez");
  EXPECT_EQ(Text("{{ object.source_id.name ||| the web }}"), "the web");
  EXPECT_EQ(Text("{{ object.function ||| don't know }}"), "don't know");
  EXPECT_THAT(Text("{{object.message_ids}}"), HasSubstr("\"message_ids\" is no field of Odoo's"));
}

TEST_F(TemplateTest, ValuesAreWrittenAsTheLanguageDoes) {
  EXPECT_EQ(Text("{{lead.expected_revenue}} {{lead.expected_close_date}} {{lead.probability}}"),
            "€12,345.50 March 9, 2026 12.5");
  EXPECT_EQ(Text("{{lead.expected_revenue}}; {{lead.expected_close_date}}", "de"), "12.345,50\u00a0€; 9. März 2026");
  EXPECT_EQ(Text("{{lead.expected_close_date | date(\"EEEE, d MMMM yyyy\")}}", "fr"), "lundi, 9 mars 2026");
  EXPECT_EQ(Text("{{lead.expected_revenue | number}}"), "12,345.5");
}

TEST_F(TemplateTest, FiltersChangeTexts) {
  EXPECT_EQ(Text("{{lead.display_name | upper}} {{lead.display_name|lower}}"), "TEN LAPTOPS ten laptops");
  EXPECT_EQ(Text("{{lead.contact.name | first_word}} {{lead.display_name | truncate(3)}}"), "Ada Ten…");
  EXPECT_EQ(Text("{{lead.phone | default(\"no } number\")}}"), "no } number");
  EXPECT_EQ(Text("{{lead.headcount | default('?')}}"), "?");
  EXPECT_EQ(Text("{{lead.job_title | default('boss') | capitalize}}"), "Boss");
}

TEST_F(TemplateTest, HtmlIsEscapedAndSanitised) {
  EXPECT_EQ(Html("<p>{{lead.contact_name}}</p>"), "<p>Ada &lt;Lovelace&gt; &amp; Co</p>");
  EXPECT_EQ(Html("<p>{{lead.description | lines}}</p>"), "<p>One<br>\nTwo</p>");
  EXPECT_EQ(Html("<p>{{lead.phone | default(&quot;none&quot;)}}</p>"), "<p>none</p>");
  lead_.set_website("javascript:alert(1)");
  EXPECT_EQ(Html("<a href=\"{{lead.website}}\">x</a><script>{{lead.name}}</script>"), "<a>x</a>");
  lead_.set_website("\" onclick=\"x");
  EXPECT_THAT(Html("<a title=\"{{lead.website}}\">x</a>"), Not(HasSubstr(" onclick=\"")));
  EXPECT_EQ(Html("<img src=\"https://example.com/logo.png\" alt=\"Logo\">"),
            "<img src=\"https://example.com/logo.png\" alt=\"Logo\">");
}

TEST_F(TemplateTest, TheTextIsMadeOfTheHtmlWhereThereIsNone) {
  MailTemplate source = WithText("");
  source.set_subject("About {{lead.description}}");
  source.set_html_body("<p>Hello {{lead.contact_name}}</p><p>{{lead.phone}}</p>");
  const auto rendered = Render(source);
  ASSERT_TRUE(rendered.ok()) << rendered.status();
  EXPECT_EQ(rendered->subject, "About One Two");
  EXPECT_EQ(rendered->text, "Hello Ada <Lovelace> & Co");
  EXPECT_THAT(rendered->empty, ElementsAre("lead.phone"));
}

TEST_F(TemplateTest, VariantsGoByLanguage) {
  MailTemplate source = WithText("hello");
  source.set_language("en");
  auto add = [&](const char* language, const char* text) {
    auto* variant = source.add_variants();
    variant->set_language(language);
    variant->set_subject("s");
    variant->set_text_body(text);
  };
  add("pt", "olá");
  add("pt-BR", "oi");
  EXPECT_EQ(Render(source, "pt-br")->text, "oi");
  EXPECT_EQ(Render(source, "pt-PT")->text, "olá");
  EXPECT_EQ(Render(source, "en-GB")->text, "hello");
  EXPECT_EQ(Render(source, "de")->text, "hello");
  EXPECT_EQ(Render(source, "")->language, "en");
  EXPECT_TRUE(CheckTemplate(source).ok());
  add("PT", "again");
  EXPECT_THAT(MessageOf(CheckTemplate(source)), HasSubstr("variants[2].language"));
}

TEST_F(TemplateTest, WhatIsWrongIsToldWithItsPlace) {
  const auto error = [](const std::string& text) { return MessageOf(CheckTemplate(WithText(text))); };
  EXPECT_EQ(error("Hi\n  {{lead.nmae}}"), "mail_template.text_body, line 2, column 3: \"nmae\" is no field of a lead");
  EXPECT_THAT(error("ü {{lead.owner.salary}}"), HasSubstr("column 3: \"salary\" is no field of a user"));
  EXPECT_THAT(error("{{person.name}}"), HasSubstr("\"person\" is not known"));
  EXPECT_THAT(error("{{lead.email.name}}"), HasSubstr("\"email\" has no fields of its own"));
  EXPECT_THAT(error("{{lead.name"), HasSubstr("has no end }}"));
  EXPECT_THAT(error("{{}}"), HasSubstr("a field must stand here"));
  EXPECT_THAT(error("{{lead.name | shout}}"), HasSubstr("there is no filter \"shout\""));
  EXPECT_THAT(error("{{lead.name | date}}"), HasSubstr("date is not for a text"));
  EXPECT_THAT(error("{{lead.name | upper(1)}}"), HasSubstr("upper takes no argument"));
  EXPECT_THAT(error("{{lead.name | default('x}}"), HasSubstr("no closing quote"));
  EXPECT_THAT(error("{{lead.etag}}"), HasSubstr("is no field"));
  EXPECT_THAT(error("{{lead.external_ids}}"), HasSubstr("nothing that a mail can say"));
  EXPECT_THAT(error("{{lead.custom_fields}}"), HasSubstr("wants the key"));
  EXPECT_THAT(error("{{lead.contact.company.company.company.company.name}}"), HasSubstr("too far away"));
  EXPECT_THAT(error(""), HasSubstr("a text, or one in HTML, is required"));
  EXPECT_EQ(ReasonOf(CheckTemplate(WithText("{{x}}"))), "INVALID_TEMPLATE");
}

TEST_F(TemplateTest, ATemplateThatGrowsToMegabytesIsStopped) {
  lead_.set_description(std::string(20000, 'x'));
  std::string text;
  for (int i = 0; i < 400; ++i) text += "{{lead.description}}";
  const auto rendered = Render(WithText(text));
  EXPECT_EQ(rendered.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(rendered.status()), "RENDERED_TOO_LARGE");
  EXPECT_EQ(ReasonOf(CheckTemplate(WithText(text + text))), "INVALID_TEMPLATE");
}

TEST_F(TemplateTest, MissingRecordsAreAskedForStepByStep) {
  const auto compiled = Template::Compile(WithText("{{lead.contact.company.name}}{{sender.name}}"), "");
  ASSERT_TRUE(compiled.ok());
  Records known;
  const auto missing = [&] {
    std::vector<std::pair<std::string, std::string>> all;
    for (const BoundPath& path : compiled->Paths()) {
      for (auto& one : MissingRecords(path, lead_, "users/ana", known)) all.push_back(one);
    }
    return all;
  };
  EXPECT_THAT(missing(),
              ElementsAre(std::pair("embudo.dev/Contact", "contacts/1"), std::pair("embudo.dev/User", "users/ana")));
  known["users/ana"] = nullptr;
  known["contacts/1"] = std::move(records_["contacts/1"]);
  EXPECT_THAT(missing(), ElementsAre(std::pair("embudo.dev/Contact", "contacts/2")));
  known["contacts/2"] = nullptr;
  EXPECT_THAT(missing(), IsEmpty());
}

TEST_F(TemplateTest, TheDefaultTemplatesAreGood) {
  for (const MailTemplate& each : logic::DefaultTemplates()) {
    EXPECT_TRUE(CheckTemplate(each).ok()) << each.name() << CheckTemplate(each);
    const auto rendered = Render(each);
    ASSERT_TRUE(rendered.ok());
    EXPECT_THAT(rendered->text, HasSubstr("Ana Pérez")) << each.name();
  }
}

}  // namespace
}  // namespace embudo::automation::mail
