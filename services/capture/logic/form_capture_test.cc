#include "services/capture/logic/form_capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::capture::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using v1::Form;
using v1::Submission;

FormFields Parse(const std::string& type, const std::string& body) {
  auto fields = ParseFormBody(type, body);
  EXPECT_TRUE(fields.ok()) << fields.status();
  return fields.ok() ? *fields : FormFields();
}

FormFields UrlEncoded(const std::string& body) {
  return Parse("application/x-www-form-urlencoded; charset=UTF-8", body);
}

TEST(FormBodyTest, UrlEncoded) {
  EXPECT_THAT(
      UrlEncoded("name=Ada+Lovelace&e%6Dail=ada%40example.com&x&&=y&b=1&b=&b=2").all(),
      ElementsAre(Pair("name", "Ada Lovelace"), Pair("email", "ada@example.com"), Pair("x", ""), Pair("b", "1; 2")));
  // Bytes that are no UTF-8 are taken as Windows-1252; NUL is left out.
  EXPECT_THAT(UrlEncoded("n=caf%e9&m=a%00b").all(), ElementsAre(Pair("n", "café"), Pair("m", "ab")));
  std::string many;
  for (int i = 0; i < 200; ++i) many += "f" + std::to_string(i) + "=&";
  EXPECT_EQ(UrlEncoded(many).all().size(), 200u);
  EXPECT_EQ(ReasonOf(ParseFormBody("application/x-www-form-urlencoded", many + "g=1").status()), "TOO_MANY_FIELDS");
  EXPECT_EQ(ReasonOf(ParseFormBody("application/x-www-form-urlencoded", std::string(201, 'n') + "=1").status()),
            "MALFORMED_BODY");
}

TEST(FormBodyTest, Multipart) {
  const std::string type = "multipart/form-data; boundary=\"-- b\"";
  EXPECT_THAT(Parse(type,
                    "preamble\r\n---- b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\nLovelace\r\n"
                    "---- b\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n"
                    "---- b\r\nContent-Disposition: form-data; name=\"a\\\"b;c\"; filename=\"cv.pdf\"\r\n"
                    "Content-Type: application/pdf\r\n\r\n%PDF\r\n---- b--\r\n")
                  .all(),
              ElementsAre(Pair("name", "Ada\r\nLovelace"), Pair("empty", ""), Pair("a\"b;c", "cv.pdf")));
  for (const char* body :
       {"", "x", "---- b", "---- b\r\n", "---- b\r\nContent-Disposition: form-data\r\n\r\nx\r\n---- b--",
        "---- b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", "---- b\r\n\r\n---- b--"}) {
    EXPECT_EQ(ReasonOf(ParseFormBody(type, body).status()), "MALFORMED_BODY") << body;
  }
  EXPECT_EQ(ReasonOf(ParseFormBody("multipart/form-data", "x").status()), "MALFORMED_BODY");
}

TEST(FormBodyTest, Json) {
  EXPECT_THAT(Parse("application/json", R"({"a":"x","n":12,"f":1.5,"b":true,"z":null,"o":{"p":{"q":"deep"}},
                                           "l":["1","2"]})")
                  .all(),
              ElementsAre(Pair("a", "x"), Pair("b", "true"), Pair("f", "1.5"), Pair("l", "1; 2"), Pair("n", "12"),
                          Pair("o.p.q", "deep"), Pair("z", "")));
  for (const std::string& body :
       {std::string("[1]"), std::string("{"), std::string("\"x\""), std::string(), std::string(100000, '['),
        "{\"a\":" + std::string(65, '[') + std::string(65, ']') + "}"}) {
    EXPECT_EQ(ReasonOf(ParseFormBody("application/json", body).status()), "MALFORMED_BODY") << body.substr(0, 20);
  }
  EXPECT_EQ(ReasonOf(ParseFormBody("text/xml", "<a/>").status()), "UNKNOWN_MEDIA_TYPE");
}

TEST(FormCaptureTest, UsualNamesFillWhatTheySay) {
  const Capturing capturing =
      CaptureForm(Form(),
                  UrlEncoded("First+Name=Ada&last-name=Lovelace&E-Mail=Ada%40Example.com&Company=Acme"
                             "&message=Hello&phone=&extra=kept"),
                  {});
  EXPECT_EQ(capturing.outcome, Submission::OUTCOME_UNSPECIFIED);
  const auto& lead = capturing.request.lead();
  EXPECT_EQ(lead.contact_name(), "Ada Lovelace");
  EXPECT_EQ(lead.email(), "ada@example.com");
  EXPECT_EQ(lead.company_name(), "Acme");
  EXPECT_EQ(lead.description(), "Hello");
  EXPECT_EQ(capturing.request.payload().web_form().fields().at("extra"), "kept");
  EXPECT_EQ(CaptureForm(Form(), UrlEncoded("name=Ada+L&first_name=Ada"), {}).request.lead().contact_name(), "Ada L");
}

Form MappedForm() {
  Form form;
  const auto map = [&](const char* source, const char* field) {
    auto& mapping = *form.add_fields();
    mapping.set_source(source);
    mapping.set_field(field);
    return &mapping;
  };
  map("mail", "email")->set_required(true);
  (*map("size", "headcount")->mutable_values())["11-50"] = "30";
  map("region", "custom_fields.region");
  map("budget", "budget");
  map("id", "external_ids.site");
  map("src", "touch.source");
  auto* tag = map("interest", "tags");
  (*tag->mutable_values())["Scanners"] = "tags/scanners";
  (*tag->mutable_values())["printers"] = "tags/printers";
  auto& constant = *form.add_fields();
  constant.set_constant("en");
  constant.set_field("language");
  return form;
}

TEST(FormCaptureTest, TheMappingFillsTheLead) {
  Form form = MappedForm();
  ASSERT_TRUE(PrepareForm(form).ok());
  form.set_team("teams/north");
  form.add_tags("tags/web");
  form.set_source("site");
  const auto capturing = CaptureForm(
      form, UrlEncoded("mail=a%40b.example&size=11-50&region=North&budget=1200.50&id=7&src=Ads&interest=scanners"), {});
  EXPECT_EQ(capturing.outcome, Submission::OUTCOME_UNSPECIFIED) << capturing.reason;
  const auto& lead = capturing.request.lead();
  EXPECT_EQ(lead.headcount(), 30);
  EXPECT_EQ(lead.custom_fields().at("region").string_value(), "North");
  EXPECT_EQ(lead.budget().units(), 1200);
  EXPECT_EQ(lead.external_ids(0).system(), "site");
  EXPECT_EQ(lead.external_ids(0).id(), "7");
  EXPECT_EQ(lead.language(), "en");
  EXPECT_EQ(lead.team(), "teams/north");
  EXPECT_THAT(lead.tags(), ElementsAre("tags/scanners", "tags/web"));
  // The visit's own source goes before the form's.
  EXPECT_EQ(capturing.request.touch().source(), "ads");
  EXPECT_EQ(CaptureForm(form, UrlEncoded("mail=a%40b.example"), {}).request.touch().source(), "site");
}

TEST(FormCaptureTest, WhatCantBeReadIsLeftOutAndWhatIsRequiredRejected) {
  const auto left_out =
      CaptureForm(MappedForm(), UrlEncoded("mail=a%40b.example&budget=about+ten&interest=tags%2Fsecret&size=many"), {});
  EXPECT_EQ(left_out.outcome, Submission::OUTCOME_UNSPECIFIED);
  EXPECT_FALSE(left_out.request.lead().has_budget());
  EXPECT_EQ(left_out.request.lead().tags_size(), 0);
  for (const char* body : {"mail=nonsense", "size=3"}) {
    const auto rejected = CaptureForm(MappedForm(), UrlEncoded(body), {});
    EXPECT_EQ(rejected.outcome, Submission::OUTCOME_REJECTED);
    EXPECT_EQ(rejected.wrong_field, "mail");
    EXPECT_THAT(rejected.reason, HasSubstr("mail"));
  }
  const auto cut = CaptureForm(Form(), UrlEncoded("email=a%40b.example&message=" + std::string(30000, 'x')), {});
  EXPECT_EQ(cut.request.lead().description().size(), 20000u);
}

TEST(FormCaptureTest, MachinesBetrayThemselves) {
  Form form;
  form.set_honeypot_field("website2");
  form.set_min_fill_seconds(3);
  const auto outcome = [&](const std::string& body) { return CaptureForm(form, UrlEncoded(body), {}).outcome; };
  EXPECT_EQ(outcome("email=a%40b.example&website2=&_elapsed_ms=3000"), Submission::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(outcome("email=a%40b.example&website2=x&_elapsed_ms=3000"), Submission::OUTCOME_SPAM);
  EXPECT_EQ(outcome("email=a%40b.example&_elapsed_ms=2999"), Submission::OUTCOME_SPAM);
  EXPECT_EQ(outcome("email=a%40b.example&_elapsed_ms=soon"), Submission::OUTCOME_SPAM);
  EXPECT_EQ(outcome("email=a%40b.example"), Submission::OUTCOME_SPAM);
}

TEST(FormCaptureTest, ConsentIsAskedFor) {
  Form form;
  form.set_consent_field("agree");
  form.set_consent_required(true);
  ASSERT_TRUE(PrepareForm(form).ok());
  EXPECT_EQ(CaptureForm(form, UrlEncoded("email=a%40b.example&agree=on"), {}).outcome, Submission::OUTCOME_UNSPECIFIED);
  for (const char* answer : {"", "&agree=", "&agree=no", "&agree=False"}) {
    const auto rejected = CaptureForm(form, UrlEncoded(std::string("email=a%40b.example") + answer), {});
    EXPECT_EQ(rejected.outcome, Submission::OUTCOME_REJECTED) << answer;
    EXPECT_EQ(rejected.wrong_field, "agree");
  }
}

TEST(FormCaptureTest, TheVisitIsReadFromFieldsThenQueryThenPages) {
  const auto touch = [](const std::string& body, const Visit& visit) {
    return CaptureForm(Form(), UrlEncoded("email=a%40b.example&" + body), visit).request.touch();
  };
  const Visit visit{"utm_source=query&gclid=q1", "https://x.example/p?utm_source=page&utm_campaign=c&fbclid=f1#top"};
  EXPECT_EQ(touch("utm_source=field&utm_medium=m", visit).source(), "field");
  const auto of_query = touch("", visit);
  EXPECT_EQ(of_query.source(), "query");
  // A source of one place is not mixed with a campaign of another.
  EXPECT_EQ(of_query.campaign(), "");
  EXPECT_EQ(of_query.click_ids().at("gclid"), "q1");
  EXPECT_EQ(of_query.click_ids().at("fbclid"), "f1");
  EXPECT_EQ(of_query.landing_page(), visit.page);
  const auto landed =
      touch("landing_page=https%3A%2F%2Fx.example%2F%3Futm_source%3Dlanding&referrer=https%3A%2F%2Fs.example",
            {"", visit.page});
  EXPECT_EQ(landed.source(), "landing");
  EXPECT_EQ(landed.referrer(), "https://s.example");
  EXPECT_EQ(touch("", {"", visit.page}).source(), "page");
}

TEST(FormRulesTest, WrongSettingsAreNamed) {
  const auto field_of = [](const auto& change) {
    Form form;
    change(form);
    const absl::Status status = PrepareForm(form);
    google::rpc::BadRequest bad;
    const auto details = ToRpcStatus(status);
    for (const auto& detail : details.details()) detail.UnpackTo(&bad);
    return bad.field_violations_size() == 1 ? bad.field_violations(0).field() : "";
  };
  const auto mapping = [&](const char* source, const char* field) {
    return field_of([&](Form& form) {
      form.add_fields()->set_source(source);
      form.mutable_fields(0)->set_field(field);
    });
  };
  EXPECT_EQ(mapping("a", "email"), "");
  for (const char* field : {"nonsense", "name", "score", "close_time", "channel", "custom_fields", "touch.name",
                            "touch.submission", "touch.click_ids.", "external_ids.", "owner", "team"}) {
    EXPECT_EQ(mapping("a", field), "form.fields[0].field") << field;
  }
  EXPECT_EQ(mapping("", "email"), "form.fields[0].source");
  const auto origin = [&](const char* text) { return field_of([&](Form& form) { form.add_allowed_origins(text); }); };
  for (const char* good : {"*", "https://www.example.com", "http://localhost:8080", "HTTPS://X.example/"}) {
    EXPECT_EQ(origin(good), "") << good;
  }
  for (const char* bad :
       {"www.example.com", "https://x.example/path", "https://", "ftp://x.example", "null", "https://a b"}) {
    EXPECT_EQ(origin(bad), "form.allowed_origins[0]") << bad;
  }
  const auto redirect = [&](const char* text) { return field_of([&](Form& form) { form.set_redirect_uri(text); }); };
  EXPECT_EQ(redirect("https://x.example/thanks?a=b"), "");
  for (const char* bad :
       {"javascript:alert(1)", "/thanks", "https://user@x.example", "https://x.example/a\r\nSet-Cookie: x"}) {
    EXPECT_EQ(redirect(bad), "form.redirect_uri") << bad;
  }
  EXPECT_EQ(field_of([](Form& form) { form.set_consent_required(true); }), "form.consent_field");
}

}  // namespace
}  // namespace embudo::capture::logic
