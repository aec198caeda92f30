// Forms on websites, sent as browsers and scripts send them.

#include "tests/integration/capture/public_fixture.h"

namespace embudo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kAda[] = "name=Ada+Lovelace&email=Ada%40Example.com&company=Acme&message=Call+me";

class FormsTest : public PublicTest {};

TEST_F(FormsTest, AFormBecomesALead) {
  const Form form = NewForm([](Form& spec) { spec.set_source("site"); });
  EXPECT_THAT(form.key(), MatchesRegex("[0-9a-f]{32}"));
  const auto answer = Http().Post("/forms/" + form.key() + "?utm_source=Google&utm_campaign=Spring&gclid=abc",
                                  {{"Referer", "https://www.example.com/contact?x=1"}, {"Accept", "application/json"}},
                                  kAda, "application/x-www-form-urlencoded");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "{\"ok\":true}\n");
  EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store");
  EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
  const auto leads = ListLeads();
  ASSERT_THAT(leads, SizeIs(1));
  EXPECT_EQ(leads[0].email(), "ada@example.com");
  EXPECT_EQ(leads[0].contact_name(), "Ada Lovelace");
  EXPECT_EQ(leads[0].company_name(), "Acme");
  EXPECT_EQ(leads[0].description(), "Call me");
  EXPECT_EQ(leads[0].channel(), Lead::CHANNEL_WEB_FORM);
  EXPECT_EQ(leads[0].source(), "google");
  EXPECT_EQ(leads[0].campaign(), "spring");
  const auto submissions = Submissions();
  ASSERT_THAT(submissions, SizeIs(1));
  EXPECT_EQ(submissions[0].outcome(), Submission::OUTCOME_CREATED);
  EXPECT_EQ(submissions[0].payload().web_form().form(), form.name());
  EXPECT_EQ(submissions[0].payload().web_form().page(), "https://www.example.com/contact?x=1");
  EXPECT_EQ(submissions[0].payload().web_form().fields().at("message"), "Call me");
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission_raw WHERE tenant_id = $1 AND bytes = 'name=Ada+Lovelace"
                      "&email=Ada%40Example.com&company=Acme&message=Call+me'"),
            1);
}

TEST_F(FormsTest, MultipartAndJsonAreFormsToo) {
  const Form form = NewForm();
  const auto multipart = Http().Post(
      "/forms/" + form.key(), {{"Accept", "application/json"}},
      {{"name", "Ada", "", ""}, {"email", "ada@example.com", "", ""}, {"cv", "%PDF", "cv.pdf", "application/pdf"}});
  ASSERT_TRUE(multipart);
  EXPECT_EQ(multipart->status, 200) << multipart->body;
  EXPECT_EQ(Submissions()[0].payload().web_form().fields().at("cv"), "cv.pdf");
  const auto json =
      Post(form, R"({"name":"Bob","email":"bob@example.com","visit":{"utm_source":"x"}})", {}, "application/json");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->status, 200) << json->body;
  EXPECT_THAT(ListLeads(), SizeIs(2));
}

TEST_F(FormsTest, AFormsOwnRulesOfDuplicatesComeBeforeTheTenants) {
  using Duplicate = capture::v1::Duplicate;
  using Rule = capture::v1::DuplicateRule;
  const auto form_with = [&](Duplicate::Reason reason, Rule::Action action) {
    return NewForm([&](Form& spec) {
      Rule& rule = *spec.add_duplicate_rules();
      rule.set_reason(reason);
      rule.set_action(action);
    });
  };
  const auto send = [&](const Form& form, const std::string& body) {
    const auto answer = Post(form, body);
    EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : "no answer");
    return Submissions()[0];
  };
  capture::v1::UpdateCaptureSettingsRequest tenant;
  tenant.mutable_settings()->add_duplicate_rules()->set_action(Rule::ACTION_FLAG);
  ASSERT_TRUE(Capture<capture::v1::CaptureSettings>("CaptureService/UpdateCaptureSettings", tenant).ok());
  const Form plain = NewForm();
  const Submission first = send(plain, kAda);
  EXPECT_EQ(first.outcome(), Submission::OUTCOME_CREATED);
  // Found by the index, which follows the log of events.
  capture::v1::FindDuplicatesRequest find;
  find.mutable_draft()->set_email("ada@example.com");
  ASSERT_TRUE(Eventually([&] {
    return Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", find)->duplicates_size() == 1;
  }));

  // ATTACH: what the tenant would have flagged.
  const Submission attached = send(form_with(Duplicate::REASON_EMAIL, Rule::ACTION_ATTACH), kAda);
  EXPECT_EQ(attached.outcome(), Submission::OUTCOME_ATTACHED);
  EXPECT_EQ(attached.lead(), first.lead());
  // CREATE: another lead, and no word of the first.
  const Submission created = send(form_with(Duplicate::REASON_UNSPECIFIED, Rule::ACTION_CREATE), kAda);
  EXPECT_EQ(created.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_NE(created.lead(), first.lead());
  EXPECT_THAT(created.duplicates(), IsEmpty());
  // FLAG by the tenant's rules, where the form's say nothing of it.
  const Submission flagged = send(form_with(Duplicate::REASON_PHONE, Rule::ACTION_CREATE), kAda);
  EXPECT_EQ(flagged.outcome(), Submission::OUTCOME_CREATED);
  EXPECT_FALSE(flagged.duplicates().empty());
}

TEST_F(FormsTest, AFormsRuleMergesAndFlagsWhatTheDefaultsAttach) {
  using Duplicate = capture::v1::Duplicate;
  using Rule = capture::v1::DuplicateRule;
  const Form plain = NewForm();
  Post(plain, "email=ada%40example.com");
  Post(plain, "name=Ada&phone=%2B442079460001");
  ASSERT_THAT(ListLeads(), SizeIs(2));
  const Form merging = NewForm([](Form& spec) { spec.add_duplicate_rules()->set_action(Rule::ACTION_MERGE); });
  // The keys of the phone's lead are claimed by whoever attaches by phone: that is this form's first submission.
  Post(merging, "name=Ada&phone=%2B442079460002");
  Post(merging, "name=Ada&email=ada%40example.com&phone=%2B442079460002");
  EXPECT_EQ(Submissions()[0].outcome(), Submission::OUTCOME_MERGED) << Submissions()[0].DebugString();
  const Form flagging = NewForm([](Form& spec) {
    Rule& rule = *spec.add_duplicate_rules();
    rule.set_reason(Duplicate::REASON_EMAIL);
    rule.set_action(Rule::ACTION_FLAG);
  });
  const size_t before = ListLeads().size();
  ASSERT_TRUE(Eventually([&] {
    capture::v1::FindDuplicatesRequest find;
    find.mutable_draft()->set_email("ada@example.com");
    return Capture<capture::v1::FindDuplicatesResponse>("CaptureService/FindDuplicates", find)->duplicates_size() == 1;
  }));
  Post(flagging, "email=ada%40example.com");
  EXPECT_EQ(Submissions()[0].outcome(), Submission::OUTCOME_CREATED);
  EXPECT_FALSE(Submissions()[0].duplicates().empty());
  EXPECT_EQ(ListLeads().size(), before + 1);
}

TEST_F(FormsTest, ARuleWithoutAnActionIsNone) {
  const auto form = CreateForm([](Form& spec) { spec.add_duplicate_rules(); });
  EXPECT_EQ(ReasonOf(form.status()), "INVALID_FIELD");
  EXPECT_EQ(MessageOf(form.status()), "form.duplicate_rules[0].action: is required");
}

TEST_F(FormsTest, ABrowserIsSentOnOrThanked) {
  const Form plain = NewForm();
  const auto thanks = Http().Post("/forms/" + plain.key(), kAda, "application/x-www-form-urlencoded");
  ASSERT_TRUE(thanks);
  EXPECT_EQ(thanks->status, 200);
  EXPECT_THAT(thanks->body, HasSubstr("<h1>Thank you</h1>"));
  EXPECT_THAT(thanks->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  const Form sent_on = NewForm([](Form& spec) { spec.set_redirect_uri("https://www.example.com/thanks"); });
  // Where to is the form's to say, and nobody else's.
  const auto redirect =
      Http().Post("/forms/" + sent_on.key() + "?redirect=https://evil.example",
                  std::string(kAda) + "&redirect_uri=https%3A%2F%2Fevil.example", "application/x-www-form-urlencoded");
  ASSERT_TRUE(redirect);
  EXPECT_EQ(redirect->status, 303);
  EXPECT_EQ(redirect->get_header_value("Location"), "https://www.example.com/thanks");
}

TEST_F(FormsTest, SpamLooksLikeSuccessAndMakesNoLead) {
  const Form form = NewForm([](Form& spec) { spec.set_honeypot_field("url2"); });
  const auto answer = Post(form, std::string(kAda) + "&url2=http%3A%2F%2Fspam.example");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "{\"ok\":true}\n");
  EXPECT_THAT(ListLeads(), IsEmpty());
  EXPECT_EQ(Submissions()[0].outcome(), Submission::OUTCOME_SPAM);
  EXPECT_THAT(Submissions()[0].reason(), HasSubstr("url2"));
}

TEST_F(FormsTest, WhatTheVisitorCanMendIsToldAndKept) {
  const Form form = NewForm([](Form& spec) { *spec.add_fields() = Mapping("mail", "email", true); });
  const auto wrong = Post(form, "mail=nonsense");
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->status, 422);
  EXPECT_EQ(Json(wrong)["error"]["field"], "mail");
  EXPECT_EQ(Submissions()[0].outcome(), Submission::OUTCOME_REJECTED);
  EXPECT_EQ(Submissions()[0].payload().web_form().fields().at("mail"), "nonsense");
  const auto page = Http().Post("/forms/" + form.key(), "mail=", "application/x-www-form-urlencoded");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 422);
  EXPECT_THAT(page->body, HasSubstr("<h1>The form was not sent</h1>"));
  const auto anonymous = Post(NewForm(), "message=Hello");
  ASSERT_TRUE(anonymous);
  EXPECT_EQ(anonymous->status, 422);
  EXPECT_EQ(Json(anonymous)["error"]["code"], "UNREACHABLE");
  EXPECT_THAT(ListLeads(), IsEmpty());
}

TEST_F(FormsTest, WhatIsNoFormIsRefused) {
  const Form form = NewForm();
  const auto status = [&](const std::string& body, const std::string& type) {
    const auto answer = Post(form, body, {}, type);
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(status("<a/>", "text/xml"), 415);
  EXPECT_EQ(status("{", "application/json"), 400);
  EXPECT_EQ(status("x", "multipart/form-data; boundary=b"), 400);
  std::string many;
  for (int i = 0; i <= 200; ++i) many += "f" + std::to_string(i) + "=x&";
  EXPECT_EQ(status(many, "application/x-www-form-urlencoded"), 413);
  EXPECT_EQ(status("m=" + std::string(256 * 1024, 'x'), "application/x-www-form-urlencoded"), 413);
  EXPECT_EQ(status("email=a%40b.example&m=" + std::string(200 * 1024, 'x'), "application/x-www-form-urlencoded"), 200);
  EXPECT_THAT(Submissions(), SizeIs(1));
  const auto get = Http().Get("/forms/" + form.key());
  ASSERT_TRUE(get);
  EXPECT_EQ(get->status, 405);
  EXPECT_EQ(get->get_header_value("Allow"), "POST, OPTIONS");
}

TEST_F(FormsTest, OriginsAreHeldTo) {
  const Form form = NewForm([](Form& spec) { spec.add_allowed_origins("https://www.example.com"); });
  const auto preflight = [&](const std::string& key, const char* origin) {
    return Http().Options("/forms/" + key, {{"Origin", origin},
                                            {"Access-Control-Request-Method", "POST"},
                                            {"Access-Control-Request-Headers", "content-type"}});
  };
  const auto good = preflight(form.key(), "https://www.example.com");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->status, 204);
  EXPECT_EQ(good->get_header_value("Access-Control-Allow-Origin"), "https://www.example.com");
  EXPECT_EQ(good->get_header_value("Access-Control-Allow-Methods"), "POST");
  EXPECT_EQ(good->get_header_value("Vary"), "Origin");
  const auto bad = preflight(form.key(), "https://evil.example");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->status, 403);
  EXPECT_FALSE(bad->has_header("Access-Control-Allow-Origin"));
  EXPECT_EQ(Post(form, kAda, {{"Origin", "https://evil.example"}})->status, 403);
  EXPECT_THAT(Submissions(), IsEmpty());
  const auto sent = Post(form, kAda, {{"Origin", "https://www.example.com"}});
  EXPECT_EQ(sent->status, 200);
  EXPECT_EQ(sent->get_header_value("Access-Control-Allow-Origin"), "https://www.example.com");
  // Without a list: plain forms of any page, scripts of none.
  const Form open = NewForm();
  EXPECT_EQ(preflight(open.key(), "https://www.example.com")->status, 403);
  const auto plain = Post(open, kAda, {{"Origin", "https://other.example"}});
  EXPECT_EQ(plain->status, 200);
  EXPECT_FALSE(plain->has_header("Access-Control-Allow-Origin"));
}

TEST_F(FormsTest, OneAddressCantUseUpWhatOthersMaySend) {
  const Form form = NewForm([](Form& spec) {
    spec.set_address_rate_per_minute(3);
    spec.set_rate_per_minute(100);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Post(form, kAda)->status, 200);
  const auto limited = Post(form, kAda);
  EXPECT_EQ(limited->status, 429);
  EXPECT_GE(std::stoi(limited->get_header_value("Retry-After")), 1);
  // Without a trusted proxy, what a client says of its address counts for nothing.
  EXPECT_EQ(Post(form, kAda, {{"X-Forwarded-For", "192.0.2.1"}})->status, 429);
  httplib::Client other = Http();
  other.set_interface("127.0.0.2");
  EXPECT_EQ(other.Post("/forms/" + form.key(), kAda, "application/x-www-form-urlencoded")->status, 200);
  EXPECT_EQ(Post(NewForm(), kAda)->status, 200);
  const Form narrow = NewForm([](Form& spec) { spec.set_rate_per_minute(1); });
  EXPECT_EQ(Post(narrow, kAda)->status, 200);
  EXPECT_EQ(other.Post("/forms/" + narrow.key(), kAda, "application/x-www-form-urlencoded")->status, 429);
}

TEST_F(FormsTest, KeysOpenWhatTheyAreForAndNothingElse) {
  const Form form = NewForm();
  const auto status = [&](const std::string& path) {
    const auto answer = Http().Post(path, kAda, "application/x-www-form-urlencoded");
    EXPECT_THAT(answer ? answer->body : "", ::testing::Not(HasSubstr(form.name())));
    return answer ? answer->status : 0;
  };
  for (const std::string& path :
       {std::string("/"), std::string("/forms"), std::string("/forms/"), "/forms/" + form.name(),
        "/forms/" + form.key() + "/x", "/forms/" + std::string(32, 'f'), "/webhooks/" + form.key(), "/q/" + form.key(),
        "/u/" + form.key(), std::string("/metrics"), std::string("/healthz")}) {
    EXPECT_EQ(status(path), 404) << path;
  }
  capture::v1::UpdateFormRequest disable;
  disable.mutable_form()->set_name(form.name());
  disable.mutable_form()->set_disabled(true);
  disable.mutable_update_mask()->add_paths("disabled");
  ASSERT_TRUE(Capture<Form>("FormService/UpdateForm", disable).ok());
  EXPECT_EQ(status("/forms/" + form.key()), 404);
  disable.mutable_form()->set_disabled(false);
  ASSERT_TRUE(Capture<Form>("FormService/UpdateForm", disable).ok());
  EXPECT_EQ(status("/forms/" + form.key()), 200);

  capture::v1::RotateFormKeyRequest rotate;
  rotate.set_name(form.name());
  rotate.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto rotated = Capture<Form>("FormService/RotateFormKey", rotate);
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_NE(rotated->key(), form.key());
  EXPECT_EQ(Capture<Form>("FormService/RotateFormKey", rotate)->key(), rotated->key());
  EXPECT_EQ(status("/forms/" + form.key()), 404);
  EXPECT_EQ(status("/forms/" + rotated->key()), 200);
  capture::v1::DeleteFormRequest remove;
  remove.set_name(form.name());
  ASSERT_TRUE(Capture<Form>("FormService/DeleteForm", remove).ok());
  EXPECT_EQ(status("/forms/" + rotated->key()), 404);
}

TEST_F(FormsTest, TheStandardMethodsOfForms) {
  const auto created = CreateForm([](Form& spec) { *spec.add_fields() = Mapping("mail", "email"); }, "contact");
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), "forms/contact");
  EXPECT_EQ(CreateForm({}, "contact").status().code(), absl::StatusCode::kAlreadyExists);
  capture::v1::GetFormRequest get;
  get.set_name(created->name());
  EXPECT_EQ(Capture<Form>("FormService/GetForm", get)->SerializeAsString(), created->SerializeAsString());
  capture::v1::ListFormsRequest list;
  list.set_filter("display_name = \"Contact us\"");
  EXPECT_THAT(Capture<capture::v1::ListFormsResponse>("FormService/ListForms", list)->forms(), SizeIs(1));

  capture::v1::UpdateFormRequest update;
  update.mutable_form()->set_name(created->name());
  update.mutable_form()->set_display_name("Write to us");
  update.mutable_form()->set_key("chosen by the caller");
  update.mutable_form()->set_etag("99");
  EXPECT_EQ(ReasonOf(Capture<Form>("FormService/UpdateForm", update).status()), "STALE_ETAG");
  update.mutable_form()->set_etag(created->etag());
  const auto updated = Capture<Form>("FormService/UpdateForm", update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->display_name(), "Write to us");
  EXPECT_EQ(updated->key(), created->key());
  EXPECT_EQ(updated->fields_size(), 1);

  capture::v1::CreateFormRequest twice;
  twice.mutable_form()->set_display_name("Twice");
  twice.set_request_id(Uuid::V7(Clock::System().Now()).ToString());
  const auto first = Capture<Form>("FormService/CreateForm", twice);
  EXPECT_EQ(Capture<Form>("FormService/CreateForm", twice)->name(), first->name());
  twice.mutable_form()->set_display_name("Thrice");
  EXPECT_EQ(ReasonOf(Capture<Form>("FormService/CreateForm", twice).status()), "REQUEST_ID_REUSED");
  twice.clear_request_id();
  twice.set_validate_only(true);
  EXPECT_TRUE(Capture<Form>("FormService/CreateForm", twice).ok());
  EXPECT_THAT(
      Capture<capture::v1::ListFormsResponse>("FormService/ListForms", capture::v1::ListFormsRequest())->forms(),
      SizeIs(2));

  rpc::Identity stranger = admin_;
  stranger.tenant = "other-" + tenant_.substr(0, 20);
  EXPECT_EQ(capture_->Call<Form>("embudo.capture.v1.FormService/GetForm", stranger, get).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(As<Form>(type::v1::ROLE_REP, "FormService/GetForm", get).ok());
  EXPECT_EQ(As<Form>(type::v1::ROLE_REP, "FormService/UpdateForm", update).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(As<Form>(type::v1::ROLE_MANAGER, "FormService/CreateForm", twice).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(FormsTest, WrongSettingsAreNamed) {
  const auto field_of = [&](const std::function<void(Form&)>& change) {
    const auto form = CreateForm(change);
    google::rpc::BadRequest bad;
    const auto details = ToRpcStatus(form.status());
    for (const auto& detail : details.details()) detail.UnpackTo(&bad);
    return bad.field_violations_size() > 0 ? bad.field_violations(0).field() : form.status().ToString();
  };
  EXPECT_EQ(field_of([](Form& spec) { spec.clear_display_name(); }), "form.display_name");
  EXPECT_EQ(field_of([](Form& spec) { spec.set_min_fill_seconds(-1); }), "form.min_fill_seconds");
  EXPECT_EQ(field_of([](Form& spec) { *spec.add_fields() = Mapping("x", "nonsense"); }), "form.fields[0].field");
  EXPECT_EQ(field_of([](Form& spec) { spec.set_redirect_uri("javascript:alert(1)"); }), "form.redirect_uri");
  EXPECT_EQ(field_of([](Form& spec) { spec.add_allowed_origins("example"); }), "form.allowed_origins[0]");
  EXPECT_EQ(field_of([](Form& spec) { spec.set_team("teams/nobody"); }), "form.team");
  EXPECT_EQ(field_of([](Form& spec) { spec.add_tags("tags/none"); }), "form.tags[0]");
  pipeline::v1::CreateTeamRequest team;
  team.mutable_team()->set_display_name("North");
  team.mutable_team()->set_pipeline("pipelines/default");
  team.set_team_id("north");
  Pipeline<type::v1::Team>("TeamService/CreateTeam", team);
  const Form form = NewForm([](Form& spec) { spec.set_team("teams/north"); });
  EXPECT_EQ(Post(form, kAda)->status, 200);
  EXPECT_EQ(ListLeads()[0].team(), "teams/north");
}

TEST_F(FormsTest, WhilePipelineIsAwayWhatComesIsKept) {
  const Form form = NewForm();
  // A capture service of its own, whose pipeline service nobody is.
  const std::string address = app::WithFreePort("127.0.0.1:0");
  app::Config config = installation_->CaptureConfig(address);
  config.pipeline_target = app::WithFreePort("127.0.0.1:0");
  const Hosted alone(capture::Bind, config);
  httplib::Client client("http://" + address);
  client.set_read_timeout(std::chrono::seconds(30));
  const auto answer =
      client.Post("/forms/" + form.key(), {{"Accept", "application/json"}}, kAda, "application/x-www-form-urlencoded");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200) << answer->body;
  EXPECT_THAT(Submissions(), SizeIs(1));
}

}  // namespace
}  // namespace embudo::testing
