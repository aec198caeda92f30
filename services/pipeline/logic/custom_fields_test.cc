#include "services/pipeline/logic/custom_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using google::protobuf::NULL_VALUE;
using google::protobuf::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using type::v1::CustomField;

Value Text(const std::string& text) {
  Value value;
  value.set_string_value(text);
  return value;
}
Value Number(double number) {
  Value value;
  value.set_number_value(number);
  return value;
}
Value Bool(bool flag) {
  Value value;
  value.set_bool_value(flag);
  return value;
}

class CustomFieldsTest : public ::testing::Test {
 protected:
  CustomFieldsTest() {
    Define("text", CustomField::TYPE_TEXT);
    Define("number", CustomField::TYPE_NUMBER);
    Define("money", CustomField::TYPE_MONEY);
    Define("date", CustomField::TYPE_DATE);
    Define("flag", CustomField::TYPE_BOOL);
    CustomField& choice = Define("choice", CustomField::TYPE_CHOICE);
    choice.add_choices("Gold");
    choice.add_choices("Silver");
  }
  CustomField& Define(const std::string& key, CustomField::Type type) {
    CustomField& field = defined_[key];
    field.set_name("customFields/" + key);
    field.set_key(key);
    field.set_type(type);
    return field;
  }
  /// What is said of one value in a new record; empty: it is fine.
  std::string Said(const std::string& key, const Value& value, type::v1::Origin origin = type::v1::ORIGIN_API) {
    CustomValues values;
    values[key] = value;
    const absl::Status status = CheckCustomFields(defined_, origin, "lead.custom_fields", nullptr, values);
    read_ = values[key];
    return MessageOf(status);
  }

  CustomFields defined_;
  Value read_;
};

TEST_F(CustomFieldsTest, ValuesAreOfTheirType) {
  EXPECT_EQ(Said("text", Text("x")), "");
  EXPECT_EQ(Said("number", Number(1.5)), "");
  EXPECT_EQ(Said("money", Number(100)), "");
  EXPECT_EQ(Said("date", Text("2026-02-28")), "");
  EXPECT_EQ(Said("flag", Bool(false)), "");
  EXPECT_EQ(Said("choice", Text("Gold")), "");
  EXPECT_EQ(Said("none", Text("x")), "lead.custom_fields.none: there is no custom field \"none\"");
  EXPECT_THAT(Said("text", Number(1)), HasSubstr("lead.custom_fields.text: is not a text"));
  EXPECT_THAT(Said("number", Text("1")), HasSubstr("is not a number"));
  EXPECT_THAT(Said("number", Number(std::numeric_limits<double>::infinity())), HasSubstr("finite"));
  EXPECT_THAT(Said("money", Bool(true)), HasSubstr("is not a number"));
  EXPECT_THAT(Said("date", Text("2026-02-30")), HasSubstr("YYYY-MM-DD"));
  EXPECT_THAT(Said("date", Text("28.2.2026")), HasSubstr("YYYY-MM-DD"));
  EXPECT_THAT(Said("flag", Text("true")), HasSubstr("neither true nor false"));
  EXPECT_THAT(Said("choice", Text("gold")), HasSubstr("\"gold\" is none of: Gold, Silver"));
}

TEST_F(CustomFieldsTest, NullClears) {
  CustomValues before;
  before["text"] = Text("x");
  CustomValues values = before;
  values["text"].set_null_value(NULL_VALUE);
  values["none"].set_null_value(NULL_VALUE);
  EXPECT_TRUE(CheckCustomFields(defined_, type::v1::ORIGIN_API, "lead.custom_fields", &before, values).ok());
  EXPECT_TRUE(values.empty());
}

TEST_F(CustomFieldsTest, WhatDoesNotChangeIsNotChecked) {
  CustomValues before;
  before["choice"] = Text("Bronze");
  before["gone"] = Number(1);
  CustomValues values = before;
  const auto check = [&] {
    return CheckCustomFields(defined_, type::v1::ORIGIN_API, "lead.custom_fields", &before, values);
  };
  EXPECT_TRUE(check().ok());
  values["gone"] = Number(2);
  EXPECT_FALSE(check().ok());
  values.erase("gone");
  EXPECT_TRUE(check().ok());
  values["choice"] = Text("Copper");
  EXPECT_FALSE(check().ok());
}

TEST_F(CustomFieldsTest, RequiredOnesAreAskedOfNewRecords) {
  defined_["text"].set_required(true);
  CustomValues values;
  const auto check = [&](type::v1::Origin origin, const CustomValues* before = nullptr) {
    return MessageOf(CheckCustomFields(defined_, origin, "lead.custom_fields", before, values));
  };
  EXPECT_EQ(check(type::v1::ORIGIN_API), "lead.custom_fields.text: is required");
  EXPECT_EQ(check(type::v1::ORIGIN_UNSPECIFIED), "lead.custom_fields.text: is required");
  EXPECT_EQ(check(type::v1::ORIGIN_IMPORT), "");
  EXPECT_EQ(check(type::v1::ORIGIN_CAPTURE), "");
  const CustomValues before;
  EXPECT_EQ(check(type::v1::ORIGIN_API, &before), "");
  values["text"] = Text("x");
  EXPECT_EQ(check(type::v1::ORIGIN_API), "");
}

TEST_F(CustomFieldsTest, ImportsBringTexts) {
  const auto read = [&](const std::string& key, const Value& value) {
    EXPECT_EQ(Said(key, value, type::v1::ORIGIN_IMPORT), "");
    return read_.ShortDebugString();
  };
  EXPECT_EQ(read("number", Text("12.5")), "number_value: 12.5");
  EXPECT_EQ(read("flag", Text("Yes")), "bool_value: true");
  EXPECT_EQ(read("flag", Text("0")), "bool_value: false");
  EXPECT_EQ(read("date", Text("2026-02-28T10:00:00Z")), "string_value: \"2026-02-28\"");
  EXPECT_EQ(read("choice", Text("SILVER")), "string_value: \"Silver\"");
  EXPECT_EQ(read("text", Number(12)), "string_value: \"12\"");
  EXPECT_EQ(read("text", Number(0.1)), "string_value: \"0.1\"");
  EXPECT_EQ(read("text", Bool(true)), "string_value: \"true\"");
  EXPECT_THAT(Said("number", Text("n/a"), type::v1::ORIGIN_IMPORT), HasSubstr("is not a number"));
  EXPECT_EQ(Said("new_key", Text("x"), type::v1::ORIGIN_IMPORT), "");
  EXPECT_THAT(Said("No Key", Text("x"), type::v1::ORIGIN_IMPORT), HasSubstr("there is no custom field"));
}

TEST_F(CustomFieldsTest, MissingOnesAreDefinedByTheirValues) {
  CustomValues one;
  one["size"] = Number(5);
  one["vip"] = Bool(true);
  one["mixed"] = Number(1);
  one["region"] = Text("north");
  one["text"] = Text("is defined");
  one["Bad Key"] = Text("x");
  one["empty"].set_null_value(NULL_VALUE);
  CustomValues two;
  two["mixed"] = Text("n/a");
  two["size"] = Number(6);
  std::vector<std::string> found;
  for (const CustomField& field : MissingFields(defined_, CustomField::TARGET_CONTACT, {&one, &two})) {
    EXPECT_EQ(field.target(), CustomField::TARGET_CONTACT);
    EXPECT_EQ(field.display_name(), field.key());
    found.push_back(field.key() + " " + CustomField::Type_Name(field.type()));
  }
  EXPECT_THAT(found, ElementsAre("mixed TYPE_TEXT", "region TYPE_TEXT", "size TYPE_NUMBER", "vip TYPE_BOOL"));
}

TEST_F(CustomFieldsTest, ADefinitionIsChecked) {
  Catalog catalog;
  catalog.lead_fields = defined_;
  CustomField field;
  field.set_name("customFields/new");
  field.set_key("new");
  field.set_target(CustomField::TARGET_LEAD);
  field.set_type(CustomField::TYPE_CHOICE);
  const auto said = [&](const CustomField* before = nullptr) {
    return MessageOf(CheckCustomField(catalog, before, field));
  };
  EXPECT_EQ(said(), "custom_field.choices: TYPE_CHOICE needs choices");
  field.add_choices("a");
  EXPECT_EQ(said(), "");
  field.add_choices("a");
  EXPECT_EQ(said(), "custom_field.choices: a choice is there twice");
  field.set_choices(1, "");
  EXPECT_EQ(said(), "custom_field.choices: a choice is empty");
  field.set_type(CustomField::TYPE_TEXT);
  EXPECT_EQ(said(), "custom_field.choices: only TYPE_CHOICE has choices");
  field.clear_choices();
  field.set_key("text");
  const absl::Status taken = CheckCustomField(catalog, nullptr, field);
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(MessageOf(taken), "customFields/text has the key \"text\" of leads");
  EXPECT_EQ(said(&field), "");
  field.set_target(CustomField::TARGET_CONTACT);
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace embudo::pipeline::logic
