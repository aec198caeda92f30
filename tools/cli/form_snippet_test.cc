#include "tools/cli/form_snippet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tools/cli/mapping.h"

namespace embudo::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormSnippetTest, HasTheFormsFields) {
  capture::v1::Form form;
  form.set_key("k");
  EXPECT_THAT(FormSnippet(form, "https://f.example", false), HasSubstr("action=\"https://f.example/forms/k\""));
  EXPECT_THAT(FormSnippet(form, "https://f.example", false),
              HasSubstr("<input type=\"email\" name=\"email\" required>"));
  EXPECT_THAT(FormSnippet(form, "https://f.example", false), Not(HasSubstr("<script>")));
  ASSERT_TRUE(AddMappings({"mail=email!", "say \"it\"=description", "=language:en"}, form.mutable_fields()).ok());
  form.set_honeypot_field("url2");
  form.set_consent_field("agree");
  form.set_consent_required(true);
  form.set_min_fill_seconds(3);
  const std::string snippet = FormSnippet(form, "https://f.example", true);
  for (const char* part :
       {"name=\"mail\" required", "<textarea name=\"say &quot;it&quot;\"", "name=\"agree\" value=\"yes\" required",
        "name=\"url2\"", "_elapsed_ms", "fetch(form.action"}) {
    EXPECT_THAT(snippet, HasSubstr(part));
  }
  EXPECT_THAT(snippet, Not(HasSubstr("language")));
}

TEST(MappingTest, IsReadFromArguments) {
  google::protobuf::RepeatedPtrField<capture::v1::FieldMapping> mappings;
  ASSERT_TRUE(AddMappings({"a.b[0]=email!", "=language:en", "x=country:DE"}, &mappings).ok());
  EXPECT_EQ(mappings[0].source(), "a.b[0]");
  EXPECT_TRUE(mappings[0].required());
  EXPECT_EQ(mappings[1].source(), "");
  EXPECT_EQ(mappings[1].constant(), "en");
  EXPECT_EQ(mappings[2].field(), "country");
  EXPECT_EQ(mappings[2].constant(), "DE");
  for (const char* bad : {"email", "email=", ""}) EXPECT_EQ(ReasonOf(AddMappings({bad}, &mappings)), "INVALID_FIELD");
}

}  // namespace
}  // namespace embudo::cli
