// Fields of the tenant's own: their definitions, and what records may hold in them.

#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/contact_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using type::v1::Contact;
using type::v1::CustomField;
using type::v1::Lead;

class CustomFieldTest : public PipelineTest {
 protected:
  absl::StatusOr<Lead> Create(const std::function<void(Lead&)>& fill) const {
    pipeline::v1::CreateLeadRequest request;
    request.mutable_lead()->set_display_name("A deal");
    fill(*request.mutable_lead());
    return admin_.Call<Lead>(request);
  }
  static google::protobuf::Value& At(Lead& lead, const std::string& key) {
    return (*lead.mutable_custom_fields())[key];
  }
  absl::StatusOr<Lead> Update(const std::string& name, const std::string& path,
                              const std::function<void(Lead&)>& fill) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(name);
    fill(*request.mutable_lead());
    request.mutable_update_mask()->add_paths(path);
    return admin_.Call<Lead>(request);
  }
  std::vector<std::string> Definitions() const {
    const auto page = admin_.Must<pipeline::v1::ListCustomFieldsResponse>(pipeline::v1::ListCustomFieldsRequest());
    std::vector<std::string> all;
    for (const CustomField& field : page.custom_fields()) {
      all.push_back(CustomField::Target_Name(field.target()) + " " + field.key() + " " +
                    CustomField::Type_Name(field.type()));
    }
    return all;
  }
};

TEST_F(CustomFieldTest, OnlyWhatIsDefinedIsTaken) {
  const auto undefined = Create([](Lead& given) { At(given, "region").set_string_value("north"); });
  EXPECT_EQ(undefined.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(BadFields(undefined.status()), ElementsAre("lead.custom_fields.region"));
  DefineField("region", CustomField::TYPE_TEXT, CustomField::TARGET_CONTACT);
  EXPECT_FALSE(Create([](Lead& given) { At(given, "region").set_string_value("north"); }).ok());
  DefineField("region", CustomField::TYPE_TEXT);
  const auto lead = Create([](Lead& given) { At(given, "region").set_string_value("north"); });
  ASSERT_TRUE(lead.ok()) << lead.status();
  EXPECT_EQ(GetLead(lead->name()).custom_fields().at("region").string_value(), "north");
  EXPECT_THAT(BadFields(Create([](Lead& given) { At(given, "region").set_number_value(5); }).status()),
              ElementsAre("lead.custom_fields.region"));

  const auto changed = Update(lead->name(), "custom_fields.region",
                              [](Lead& given) { At(given, "region").set_null_value(google::protobuf::NULL_VALUE); });
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(changed->custom_fields().empty());
  EXPECT_THAT(EventsAbout(lead->name()).back().changed_fields().paths(), ::testing::Contains("custom_fields.region"));
}

TEST_F(CustomFieldTest, ContactsHaveTheirOwn) {
  pipeline::v1::CreateContactRequest request;
  request.mutable_contact()->set_display_name("Ana");
  (*request.mutable_contact()->mutable_custom_fields())["vip"].set_bool_value(true);
  EXPECT_THAT(BadFields(admin_.Call<Contact>(request).status()), ElementsAre("contact.custom_fields.vip"));
  DefineField("vip", CustomField::TYPE_BOOL, CustomField::TARGET_CONTACT);
  EXPECT_TRUE(admin_.Must<Contact>(request).custom_fields().at("vip").bool_value());
  (*request.mutable_contact()->mutable_custom_fields())["vip"].set_string_value("yes");
  EXPECT_THAT(BadFields(admin_.Call<Contact>(request).status()), ElementsAre("contact.custom_fields.vip"));
}

TEST_F(CustomFieldTest, ChoicesMayGoAndTheirValuesStay) {
  CustomField level = DefineField("size", CustomField::TYPE_NUMBER);
  pipeline::v1::CreateCustomFieldRequest create;
  create.mutable_custom_field()->set_key("level");
  create.mutable_custom_field()->set_display_name("Level");
  create.mutable_custom_field()->set_type(CustomField::TYPE_CHOICE);
  EXPECT_THAT(BadFields(admin_.Call<CustomField>(create).status()), ElementsAre("custom_field.choices"));
  create.mutable_custom_field()->add_choices("gold");
  create.mutable_custom_field()->add_choices("silver");
  level = admin_.Must<CustomField>(create);
  EXPECT_EQ(level.target(), CustomField::TARGET_LEAD);
  const auto lead = Create([](Lead& given) { At(given, "level").set_string_value("gold"); });
  ASSERT_TRUE(lead.ok()) << lead.status();

  pipeline::v1::UpdateCustomFieldRequest update;
  update.mutable_custom_field()->set_name(level.name());
  update.mutable_custom_field()->add_choices("silver");
  admin_.Must<CustomField>(update);
  EXPECT_TRUE(Update(lead->name(), "email", [](Lead& given) { given.set_email("ana@example.com"); }).ok());
  EXPECT_EQ(GetLead(lead->name()).custom_fields().at("level").string_value(), "gold");
  EXPECT_FALSE(Create([](Lead& given) { At(given, "level").set_string_value("gold"); }).ok());
}

TEST_F(CustomFieldTest, AKeyIsTakenOnceUntilItsFieldIsDeleted) {
  const CustomField first = DefineField("region", CustomField::TYPE_TEXT);
  pipeline::v1::CreateCustomFieldRequest create;
  *create.mutable_custom_field() = first;
  create.set_validate_only(true);
  const auto taken = admin_.Call<CustomField>(create);
  EXPECT_THAT(taken, IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(taken.status()).resource_name(), first.name());
  create.set_validate_only(false);
  EXPECT_THAT(admin_.Call<CustomField>(create), IsError(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  pipeline::v1::DeleteCustomFieldRequest remove;
  remove.set_name(first.name());
  admin_.Must<CustomField>(remove);
  EXPECT_FALSE(Create([](Lead& given) { At(given, "region").set_string_value("north"); }).ok());
  create.mutable_custom_field()->set_type(CustomField::TYPE_NUMBER);
  admin_.Must<CustomField>(create);
  EXPECT_TRUE(Create([](Lead& given) { At(given, "region").set_number_value(5); }).ok());
}

TEST_F(CustomFieldTest, ARequiredOneIsAskedOfNewLeadsOnly) {
  const std::string old = CreateLead().name();
  pipeline::v1::UpdateCustomFieldRequest require;
  require.mutable_custom_field()->set_name(DefineField("region", CustomField::TYPE_TEXT).name());
  require.mutable_custom_field()->set_required(true);
  admin_.Must<CustomField>(require);
  EXPECT_THAT(BadFields(Create([](Lead&) {}).status()), ElementsAre("lead.custom_fields.region"));
  EXPECT_TRUE(Create([](Lead& given) { At(given, "region").set_string_value("north"); }).ok());
  EXPECT_TRUE(Update(old, "email", [](Lead& given) { given.set_email("ana@example.com"); }).ok());

  pipeline::v1::BulkUpsertLeadsRequest import;
  Lead& given = *import.add_items()->mutable_lead();
  given.set_display_name("Imported");
  given.add_external_ids()->set_system("crm");
  given.mutable_external_ids(0)->set_id("1");
  EXPECT_EQ(service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(import).results(0).outcome(),
            pipeline::v1::BulkResult::OUTCOME_CREATED);
}

TEST_F(CustomFieldTest, AnImportDefinesWhatItBrings) {
  DefineField("size", CustomField::TYPE_NUMBER);
  pipeline::v1::BulkUpsertLeadsRequest import;
  const auto add = [&](const std::string& id) -> Lead& {
    Lead& lead = *import.add_items()->mutable_lead();
    lead.set_display_name("Imported");
    lead.add_external_ids()->set_system("crm");
    lead.mutable_external_ids(0)->set_id(id);
    return lead;
  };
  Lead& first = add("1");
  At(first, "region").set_string_value("north");
  At(first, "seats").set_number_value(5);
  At(first, "partner").set_bool_value(true);
  At(first, "size").set_string_value("250");
  Lead& second = add("2");
  At(second, "region").set_number_value(7);
  At(second, "size").set_string_value("many");

  import.set_validate_only(true);
  const auto tried = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(import);
  EXPECT_EQ(tried.results(0).outcome(), pipeline::v1::BulkResult::OUTCOME_CREATED);
  EXPECT_EQ(tried.results(1).outcome(), pipeline::v1::BulkResult::OUTCOME_REFUSED);
  EXPECT_THAT(Definitions(), ElementsAre("TARGET_LEAD size TYPE_NUMBER"));

  import.set_validate_only(false);
  const auto done = service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(import);
  ASSERT_EQ(done.results(0).outcome(), pipeline::v1::BulkResult::OUTCOME_CREATED) << done.DebugString();
  EXPECT_EQ(done.results(1).outcome(), pipeline::v1::BulkResult::OUTCOME_REFUSED);
  EXPECT_THAT(BadFields(FromRpcStatus(done.results(1).error())), ElementsAre("lead.custom_fields.size"));
  EXPECT_THAT(Definitions(), UnorderedElementsAre("TARGET_LEAD size TYPE_NUMBER", "TARGET_LEAD region TYPE_TEXT",
                                                  "TARGET_LEAD seats TYPE_NUMBER", "TARGET_LEAD partner TYPE_BOOL"));
  const Lead lead = GetLead(done.results(0).name());
  EXPECT_EQ(lead.custom_fields().at("size").number_value(), 250);
  EXPECT_EQ(lead.custom_fields().at("region").string_value(), "north");
  // Again: nothing differs, and nothing is defined twice.
  import.mutable_items()->RemoveLast();
  EXPECT_EQ(service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(import).results(0).outcome(),
            pipeline::v1::BulkResult::OUTCOME_UNCHANGED);
  EXPECT_EQ(Definitions().size(), 4u);

  pipeline::v1::BulkUpsertContactsRequest contacts;
  Contact& contact = *contacts.add_contacts();
  contact.set_display_name("Ana");
  contact.add_external_ids()->set_system("crm");
  contact.mutable_external_ids(0)->set_id("c1");
  (*contact.mutable_custom_fields())["vip"].set_bool_value(true);
  EXPECT_EQ(service_.Must<pipeline::v1::BulkUpsertContactsResponse>(contacts).results(0).outcome(),
            pipeline::v1::BulkResult::OUTCOME_CREATED);
  EXPECT_THAT(Definitions(), ::testing::Contains("TARGET_CONTACT vip TYPE_BOOL"));
}

}  // namespace
}  // namespace embudo::testing
