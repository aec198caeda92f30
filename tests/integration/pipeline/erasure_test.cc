// Persons that are erased: nothing of them is left anywhere, readers lose no place, and imports do not bring them back.

#include <map>
#include <set>

#include "common/event/event.h"
#include "common/redis/connection.h"
#include "embudo/pipeline/v1/activity_service.pb.h"
#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/quote_fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::ErasePersonRequest;
using pipeline::v1::ErasePersonResponse;
using pipeline::v1::ExportPersonRequest;
using pipeline::v1::ListEventsRequest;
using pipeline::v1::ListEventsResponse;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using type::v1::Contact;
using type::v1::Event;
using type::v1::Lead;

/// What stands in everything that tells of the person, and nowhere else.
constexpr char kPlanted[] = "qzvanished";
constexpr char kAddress[] = "qzvanished@example.com";

class ErasureTest : public QuoteFixture {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  static ErasePersonRequest Of(const std::string& email) {
    ErasePersonRequest request;
    request.set_email(email);
    request.set_reason("case 7");
    return request;
  }
  ErasePersonResponse Erase(const std::string& email) const { return admin_.Must<ErasePersonResponse>(Of(email)); }

  Contact CreatePerson(const std::string& email = kAddress) const {
    pipeline::v1::CreateContactRequest request;
    Contact& contact = *request.mutable_contact();
    contact.set_display_name("Moses qzvanished");
    contact.set_email(email);
    contact.add_other_emails("other." + email);
    contact.set_phone("+12025550147");
    contact.mutable_address()->set_region_code("US");
    contact.mutable_address()->add_address_lines("1 qzvanished Street");
    contact.add_external_ids()->set_system("crm");
    contact.mutable_external_ids(0)->set_id("qzvanished-" + tenant_);
    request.set_request_id(NewRequestId());
    return admin_.Must<Contact>(request);
  }
  Lead CreateLeadOf(const Contact& contact) const {
    pipeline::v1::CreateLeadRequest request;
    Lead& lead = *request.mutable_lead();
    lead.set_display_name("A deal with qzvanished");
    lead.set_contact(contact.name());
    lead.set_description("qzvanished wants ten");
    *lead.mutable_expected_revenue() = Amount("1000");
    request.set_request_id(NewRequestId());
    return admin_.Must<Lead>(request);
  }
  void Update(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    request.set_request_id(NewRequestId());
    admin_.Must<Lead>(request);
  }
  void Mail(const std::string& lead, const std::string& from, const std::string& body) const {
    pipeline::v1::CreateMessageRequest request;
    request.set_parent(lead);
    request.mutable_message()->set_type(type::v1::Message::TYPE_EMAIL_IN);
    request.mutable_message()->set_subject(body);
    request.mutable_message()->set_body(body);
    request.mutable_message()->set_from_address(from);
    request.mutable_message()->set_internet_message_id("<" + NewRequestId() + "@" + body + ">");
    request.set_request_id(NewRequestId());
    service_.Must<type::v1::Message>(request);
  }
  void Attach(const std::string& lead) const {
    const auto stream = admin_.Stream("embudo.pipeline.v1.AttachmentService/UploadAttachment");
    pipeline::v1::UploadAttachmentRequest part;
    part.set_parent(lead);
    part.set_file_name("cv-qzvanished.txt");
    stream->Write(part);
    part.Clear();
    part.set_content("The life of qzvanished");
    stream->Write(part);
    stream->WritesDone();
    type::v1::Attachment attachment;
    EXPECT_TRUE(stream->Read(&attachment));
    EXPECT_TRUE(stream->Finish().ok());
  }
  void Plan(const std::string& lead) const {
    pipeline::v1::CreateActivityRequest request;
    request.set_parent(lead);
    request.mutable_activity()->set_type(type::v1::Activity::TYPE_CALL);
    request.mutable_activity()->set_summary("Call qzvanished");
    *request.mutable_activity()->mutable_due_date() =
        ToDate(std::chrono::floor<std::chrono::days>(suite().clock().Now()));
    admin_.Must<type::v1::Activity>(request);
  }
  /// A person of whom much is known.
  Lead Plant() const {
    const Contact contact = CreatePerson();
    const Lead lead = CreateLeadOf(contact);
    Update(lead.name(), "qzvanished is in pain");
    Update(lead.name(), "no longer");
    Mail(lead.name(), "Moses <QZvanished@Example.com>", kPlanted);
    Attach(lead.name());
    Plan(lead.name());
    Send(CreateQuote(lead.name()).name()).IgnoreError();
    return lead;
  }

  /// Where the text is found in the tenant's rows of any table of any schema.
  static std::vector<std::string> FindInDatabase(const std::string& text) {
    std::vector<std::string> found;
    const db::Result columns = suite().Query(
        "SELECT c.table_schema, c.table_name, c.column_name, c.udt_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name) WHERE t.table_type = 'BASE TABLE'"
        " AND c.table_schema IN ('pipeline', 'capture', 'scoring', 'automation', 'reporting')"
        " AND c.udt_name IN ('text', 'bytea', 'jsonb', 'json', 'varchar', '_text', '_bytea')");
    for (int i = 0; i < columns.size(); ++i) {
      const std::string table = std::string(columns[i].Text(0)) + ".\"" + std::string(columns[i].Text(1)) + "\"";
      const std::string column = "\"" + std::string(columns[i].Text(2)) + "\"";
      const bool bytes = columns[i].Text(3) == "bytea";
      const std::string has = bytes ? "position(convert_to($1, 'UTF8') IN " + column + ") > 0"
                                    : "position($1 IN lower(" + column + "::text)) > 0";
      const db::Result rows =
          suite().Query("SELECT FROM " + table + " WHERE " + has + " LIMIT 1", db::Params::Of(text));
      if (!rows.empty()) found.push_back(table + "." + column);
    }
    return found;
  }
  /// How many entries of the streams in Redis hold the text.
  static int FindInRedis(const std::string& text) {
    const auto opened = embudo::redis::Connection::Open(suite().redis().address(), std::chrono::seconds(5));
    int found = 0;
    const auto keys = (*opened)->Command({"KEYS", "embudo:events:*"});
    for (size_t k = 0; k < keys->size(); ++k) {
      const auto reply = (*opened)->Command({"XRANGE", (*keys)[k].text(), "-", "+"});
      for (size_t i = 0; reply.ok() && i < reply->size(); ++i) {
        if ((*reply)[i][1][1].text().find(text) != std::string_view::npos) ++found;
      }
    }
    return found;
  }
  std::vector<Event> ListAll() const {
    ListEventsRequest request;
    request.set_page_size(1000);
    const auto response = admin_.Must<ListEventsResponse>(request);
    return {response.events().begin(), response.events().end()};
  }
  std::string Subscribe() const {
    pipeline::v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_display_name("All");
    request.mutable_subscription()->set_start(type::v1::Subscription::START_EARLIEST);
    return admin_.Must<type::v1::Subscription>(request).name();
  }
  /// The records of an export as JSON, by kind.
  std::multimap<std::string, std::string> Export(const std::string& email, absl::Status* status) const {
    const auto stream = admin_.Stream("embudo.pipeline.v1.PrivacyService/ExportPerson");
    ExportPersonRequest request;
    request.set_email(email);
    stream->Write(request);
    stream->WritesDone();
    std::multimap<std::string, std::string> records;
    pipeline::v1::ExportPersonResponse response;
    while (stream->Read(&response)) records.emplace(response.resource_type(), response.json());
    *status = stream->Finish();
    return records;
  }
};

TEST_F(ErasureTest, NothingOfThePersonIsLeft) {
  const std::string name = Subscribe();
  const Lead lead = Plant();
  const Lead other = CreateLead("Another deal");
  Mail(other.name(), "ana@example.com", "about something else");
  WaitUntilPositioned();
  {
    // Parked and unacknowledged events hold the person, too.
    Consumer worker(admin_, name);
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead.name(), 1));
    worker.Nack(worker.Of(lead.name())[0].event().id(), pipeline::v1::Nack::ACTION_PARK, 0, "not now");
    ASSERT_TRUE(worker.WaitForDeliveriesOf(lead.name(), 2));
  }
  const std::vector<Event> before = ListAll();
  ASSERT_THAT(FindInDatabase(kPlanted), Not(IsEmpty()));
  ASSERT_GT(FindInRedis(kPlanted), 0);

  // Lists of events are in the order of time, and its event is to be the last.
  suite().Advance(std::chrono::seconds(1));
  const ErasePersonResponse erased = Erase(kAddress);
  EXPECT_TRUE(erased.done());
  EXPECT_THAT(erased.erasure().leads(), ElementsAre(lead.name()));
  EXPECT_GT(erased.erasure().events_rewritten(), 5);
  EXPECT_GT(erased.erasure().records_erased(), 5);

  EXPECT_THAT(FindInDatabase(kPlanted), IsEmpty());
  EXPECT_EQ(FindInRedis(kPlanted), 0);
  // The same events in the same places, and one more.
  const std::vector<Event> after = ListAll();
  ASSERT_EQ(after.size(), before.size() + 1);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].id(), before[i].id());
    EXPECT_EQ(after[i].position(), before[i].position());
    EXPECT_THAT(after[i].DebugString(), Not(HasSubstr(kPlanted)));
  }
  EXPECT_EQ(after.back().type(), "privacy.erased");
  EXPECT_EQ(after.back().data().erasure().name(), erased.erasure().name());

  Tailer tail(admin_, Tailer::Earliest());
  ASSERT_TRUE(tail.WaitForEvents(after.size()));
  for (const Event& event : tail.events()) EXPECT_THAT(event.DebugString(), Not(HasSubstr(kPlanted)));
  Tailer snapshot(admin_, Tailer::From(pipeline::v1::TailStart::POSITION_SNAPSHOT));
  ASSERT_TRUE(snapshot.WaitFor(pipeline::v1::TailResponse::kSnapshotEnd));
  for (const auto& response : snapshot.responses()) EXPECT_THAT(response.DebugString(), Not(HasSubstr(kPlanted)));
  pipeline::v1::ListLeadChangesRequest changes;
  changes.set_parent(lead.name());
  const auto history = admin_.Must<pipeline::v1::ListLeadChangesResponse>(changes);
  EXPECT_THAT(history.DebugString(), Not(HasSubstr(kPlanted)));
  // The subscription goes on where it was: what it had not acknowledged comes again, without the person.
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(erased.erasure().name(), 1));
  for (const auto& delivery : worker.deliveries()) EXPECT_THAT(delivery.DebugString(), Not(HasSubstr(kPlanted)));
  pipeline::v1::ListParkedEventsRequest parked;
  parked.set_name(name);
  EXPECT_THAT(admin_.Must<pipeline::v1::ListParkedEventsResponse>(parked).DebugString(), Not(HasSubstr(kPlanted)));

  // What names nobody is as it was.
  const Lead left = GetLead(lead.name());
  EXPECT_EQ(left.display_name(), "Erased");
  EXPECT_EQ(left.stage(), lead.stage());
  EXPECT_THAT(left.expected_revenue(), SameAs(lead.expected_revenue()));
  EXPECT_EQ(GetLead(other.name()).display_name(), "Another deal");
}

TEST_F(ErasureTest, WorkersThatHoldEventsGetThemAnew) {
  const std::string name = Subscribe();
  const Lead lead = Plant();
  WaitUntilPositioned();
  Consumer worker(admin_, name);
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead.name(), 1));
  const size_t held = worker.deliveries().size();
  Tailer tail(admin_, Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  ASSERT_TRUE(Erase(kAddress).done());
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].type(), "privacy.erased");
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead.name(), 2));
  const auto deliveries = worker.deliveries();
  for (size_t i = held; i < deliveries.size(); ++i) EXPECT_THAT(deliveries[i].DebugString(), Not(HasSubstr(kPlanted)));
}

TEST_F(ErasureTest, AContractIsKeptUnlessAskedFor) {
  const Lead lead = Plant();
  const type::v1::Quote quote = *Accept(SentQuote(lead.name()));
  const type::v1::Order order = *Confirm(quote.name());
  ASSERT_EQ(order.customer_email(), kAddress);
  ErasePersonRequest request = Of(kAddress);
  request.set_validate_only(true);
  const auto foreseen = admin_.Must<ErasePersonResponse>(request);
  EXPECT_THAT(foreseen.kept_contracts(), ElementsAre(order.name(), quote.name()));
  EXPECT_EQ(foreseen.erasure().name(), "");
  EXPECT_EQ(GetLead(lead.name()).email(), kAddress);

  const auto kept = Erase(kAddress);
  ASSERT_TRUE(kept.done());
  EXPECT_EQ(GetQuote(quote.name()).customer_email(), kAddress);
  for (const Event& event : ListAll()) EXPECT_THAT(event.DebugString(), Not(HasSubstr(kPlanted)));
  // By the contact, since no address is left.
  request.set_validate_only(false);
  request.clear_email();
  request.set_contact(kept.erasure().contact());
  request.set_erase_contracts(true);
  ASSERT_TRUE(admin_.Must<ErasePersonResponse>(request).done());
  EXPECT_EQ(GetQuote(quote.name()).customer_email(), "");
  EXPECT_FALSE(GetQuote(quote.name()).has_signature());
  EXPECT_THAT(FindInDatabase(kPlanted), IsEmpty());
}

TEST_F(ErasureTest, AMailInAnotherLeadsConversationGoesToo) {
  const Lead other = CreateLead("Another deal");
  Mail(other.name(), "Moses <QZvanished@Example.com>", kPlanted);
  Mail(other.name(), "ana@example.com", "stays");
  const auto erased = Erase(kAddress);
  ASSERT_TRUE(erased.done());
  EXPECT_THAT(erased.erasure().leads(), IsEmpty());
  EXPECT_THAT(FindInDatabase(kPlanted), IsEmpty());
  EXPECT_THAT(FindInDatabase("stays"), Not(IsEmpty()));
  EXPECT_EQ(GetLead(other.name()).display_name(), "Another deal");
}

TEST_F(ErasureTest, AnInterruptedOneGoesOnWhereItWas) {
  const Lead lead = Plant();
  WaitUntilPositioned();
  // As after a crash between the records and the rest: a process that ends at once, with another that goes on.
  ErasePersonRequest request = Of(kAddress);
  request.set_request_id(NewRequestId());
  const auto client = std::make_unique<rpc::Client>(
      rpc::ClientOptions{.target = suite().target(), .credentials = rpc::DevCredentials()});
  const auto short_call = client->Call<ErasePersonResponse>("embudo.pipeline.v1.PrivacyService/ErasePerson",
                                                            admin_.identity(), request, std::chrono::milliseconds(700));
  suite().Restart("pipeline");
  const Caller admin = As(type::v1::ROLE_ADMIN);
  const auto again = admin.Must<ErasePersonResponse>(request);
  EXPECT_TRUE(again.done());
  EXPECT_THAT(FindInDatabase(kPlanted), IsEmpty());
  EXPECT_TRUE(!short_call.ok() || short_call->erasure().name() == again.erasure().name());
  const db::Result told = suite().Query("SELECT FROM pipeline.erasure WHERE tenant_id = $1", db::Params::Of(tenant_));
  EXPECT_EQ(told.size(), 1);
  ListEventsRequest events;
  events.set_filter(R"(type = "privacy.erased")");
  EXPECT_THAT(admin.Must<ListEventsResponse>(events).events(), SizeIs(1));
}

TEST_F(ErasureTest, ImportsDoNotBringThePersonBack) {
  Plant();
  ASSERT_TRUE(Erase(kAddress).done());
  pipeline::v1::BulkUpsertLeadsRequest bulk;
  for (const std::string id : {"1", "2"}) {
    Lead& lead = *bulk.add_items()->mutable_lead();
    lead.set_display_name("Row " + id);
    lead.set_email(id == "1" ? kAddress : "ana@example.com");
    lead.add_external_ids()->set_system("crm");
    lead.mutable_external_ids(0)->set_id(id);
  }
  const auto leads = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(bulk);
  EXPECT_EQ(leads.results(0).outcome(), pipeline::v1::BulkResult::OUTCOME_REFUSED);
  EXPECT_EQ(ReasonOf(FromRpcStatus(leads.results(0).error())), "SUPPRESSED");
  EXPECT_EQ(leads.results(1).outcome(), pipeline::v1::BulkResult::OUTCOME_CREATED);
  pipeline::v1::BulkUpsertContactsRequest contacts;
  contacts.add_contacts()->set_display_name("Moses");
  contacts.mutable_contacts(0)->add_other_emails("Other.QZvanished@example.com");
  contacts.mutable_contacts(0)->add_external_ids()->set_system("crm");
  contacts.mutable_contacts(0)->mutable_external_ids(0)->set_id("9");
  const auto refused = service_.Must<pipeline::v1::BulkUpsertContactsResponse>(contacts);
  EXPECT_EQ(ReasonOf(FromRpcStatus(refused.results(0).error())), "SUPPRESSED");

  // By capture it depends on who began it.
  const auto captured = [&](Lead::Channel channel) {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("Moses");
    request.mutable_lead()->set_email(kAddress);
    request.mutable_lead()->set_channel(channel);
    rpc::Identity identity = service_.identity();
    identity.origin = type::v1::ORIGIN_CAPTURE;
    return Caller(suite().client(), identity).Call<Lead>(request).status();
  };
  EXPECT_THAT(captured(Lead::CHANNEL_WEBHOOK), IsError(StatusCode::kFailedPrecondition, "SUPPRESSED"));
  EXPECT_THAT(captured(Lead::CHANNEL_MANUAL), IsError(StatusCode::kFailedPrecondition, "SUPPRESSED"));
  EXPECT_TRUE(captured(Lead::CHANNEL_WEB_FORM).ok());
  EXPECT_TRUE(captured(Lead::CHANNEL_EMAIL).ok());
  // What somebody types in is that somebody's decision, and another tenant's list is its own.
  pipeline::v1::CreateContactRequest typed;
  typed.mutable_contact()->set_display_name("Moses");
  typed.mutable_contact()->set_email(kAddress);
  EXPECT_TRUE(admin_.Call<Contact>(typed).ok());
  const Caller stranger = suite().As(suite().NewTenant(), type::v1::ROLE_SERVICE, "services/scoring");
  EXPECT_EQ(stranger.Must<pipeline::v1::BulkUpsertLeadsResponse>(bulk).results(0).outcome(),
            pipeline::v1::BulkResult::OUTCOME_CREATED);
}

TEST_F(ErasureTest, ARepeatedCallIsTheSameErasure) {
  Plant();
  ErasePersonRequest request = Of(kAddress);
  request.set_request_id(NewRequestId());
  const auto first = admin_.Must<ErasePersonResponse>(request);
  const auto again = admin_.Must<ErasePersonResponse>(request);
  EXPECT_EQ(again.erasure().name(), first.erasure().name());
  request.set_reason("another");
  EXPECT_THAT(admin_.Call<ErasePersonResponse>(request).status(),
              IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
  pipeline::v1::GetErasureRequest get;
  get.set_name(first.erasure().name());
  EXPECT_TRUE(admin_.Must<type::v1::Erasure>(get).has_create_time());
  const Caller stranger = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(stranger.Call<type::v1::Erasure>(get).status(), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ErasureTest, RefusesWhatIsNoPerson) {
  const auto call = [&](const ErasePersonRequest& request) {
    return admin_.Call<ErasePersonResponse>(request).status();
  };
  ErasePersonRequest request = Of("nobody@example.com");
  EXPECT_THAT(call(request), IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  request.set_email("");
  EXPECT_THAT(BadFields(call(request)), ElementsAre("contact"));
  request.set_email("no address");
  EXPECT_THAT(BadFields(call(request)), ElementsAre("email"));
  request = Of(kAddress);
  request.clear_reason();
  EXPECT_THAT(BadFields(call(request)), ElementsAre("reason"));
  pipeline::v1::CreateContactRequest company;
  company.mutable_contact()->set_display_name("Acme");
  company.mutable_contact()->set_kind(Contact::KIND_COMPANY);
  request = Of("");
  request.set_contact(admin_.Must<Contact>(company).name());
  EXPECT_THAT(BadFields(call(request)), ElementsAre("contact"));
  const Contact person = CreatePerson();
  request.set_contact(person.name());
  const Caller stranger = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  EXPECT_THAT(stranger.Call<ErasePersonResponse>(request).status(),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  for (const Caller& caller : {manager_, rep_, service_}) {
    EXPECT_THAT(caller.Call<ErasePersonResponse>(request).status(),
                IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  }
}

TEST_F(ErasureTest, AnExportHoldsAllThatIsKnown) {
  const Lead lead = Plant();
  CreateLead("Another deal");
  absl::Status status;
  const auto records = Export(kAddress, &status);
  ASSERT_TRUE(status.ok()) << status;
  for (const char* kind : {"Contact", "Lead", "Message", "Activity", "Attachment", "Quote"}) {
    EXPECT_EQ(records.count(kind), 1u) << kind;
  }
  EXPECT_GE(records.count("Event"), 2u);
  EXPECT_THAT(records.find("Lead")->second, HasSubstr(lead.name()));
  EXPECT_THAT(records.find("Contact")->second, HasSubstr(kAddress));
  Export("nobody@example.com", &status);
  EXPECT_THAT(status, IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace embudo::testing
