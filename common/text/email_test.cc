#include "common/text/email.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/base/error.h"
#include "common/testing/shared_data.h"
#include "common/text/csv.h"

namespace embudo::text {
namespace {

std::string Normal(std::string_view text) {
  const auto email = NormaliseEmail(text);
  return email.ok() ? *email : ReasonOf(email.status());
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<CsvRow> ReadRows(const std::string& path) {
  CsvReader reader;
  EXPECT_TRUE(reader.Feed(ReadFile(path)).ok());
  EXPECT_TRUE(reader.Finish().ok());
  std::vector<CsvRow> rows;
  for (CsvRow row; reader.Next(&row);) rows.push_back(row);
  return rows;
}

TEST(EmailTest, HasOneForm) {
  EXPECT_EQ(Normal("  Moses.Frase@Example.COM "), "moses.frase@example.com");
  EXPECT_EQ(Normal("Moses Frase <Moses@Example.com>"), "moses@example.com");
  EXPECT_EQ(Normal("\"Frase, M. <x>\" <moses+crm@example.com>"), "moses+crm@example.com");
  EXPECT_EQ(Normal("mailto:a@b.io"), "a@b.io");
  EXPECT_EQ(Normal("jörg@BÜCHER.example"), "jörg@xn--bcher-kva.example");
  EXPECT_EQ(Normal("user@faß.de"), "user@xn--fa-hia.de");
  EXPECT_EQ(Normal("a@日本語。jp"), "a@xn--wgv71a119e.jp");
  EXPECT_EQ(Normal("\"John Doe\"@example.com"), "\"john doe\"@example.com");
  EXPECT_EQ(Normal("x@[192.0.2.1]"), "x@[192.0.2.1]");
  EXPECT_EQ(Normal("x@[IPv6:2001:DB8::1]"), "x@[ipv6:2001:db8::1]");
}

TEST(EmailTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"",
                           " ",
                           "test",
                           "@",
                           "a@",
                           "@b.com",
                           "a@b@c.com",
                           "a..b@c.com",
                           ".a@c.com",
                           "a.@c.com",
                           "a b@c.com",
                           "a@-c.com",
                           "a@c-.com",
                           "a@c..com",
                           "a@c.com.",
                           "a@[1.2.3]",
                           "a@c_d.com",
                           "(x)a@c.com",
                           "a@c.com, b@c.com",
                           "a\x01@c.com",
                           "\"a@c.com",
                           "<>",
                           "a@xn--zzzzzz99999.com",
                           "\xff@c.com"}) {
    EXPECT_EQ(Normal(text), "INVALID_EMAIL") << text;
  }
  EXPECT_EQ(MessageOf(NormaliseEmail("foo").status()), "\"foo\" is not an email address: there is no @ after the name");
}

TEST(EmailTest, HoldsTheLengthsOfRfc5321) {
  EXPECT_NE(Normal(std::string(64, 'a') + "@c.com"), "INVALID_EMAIL");
  EXPECT_EQ(Normal(std::string(65, 'a') + "@c.com"), "INVALID_EMAIL");
  EXPECT_NE(Normal("a@" + std::string(63, 'b') + ".com"), "INVALID_EMAIL");
  EXPECT_EQ(Normal("a@" + std::string(64, 'b') + ".com"), "INVALID_EMAIL");
  std::string domain;
  for (int i = 0; i < 62; ++i) domain += "abc.";  // 248 bytes
  EXPECT_NE(Normal("aa@" + domain + "de"), "INVALID_EMAIL");
  EXPECT_EQ(Normal("aaa@" + domain + "def"), "INVALID_EMAIL");
}

TEST(EmailTest, MatchesWithoutThePlusPart) {
  EXPECT_EQ(EmailMatchKey("moses+crm+x@example.com"), "moses@example.com");
  EXPECT_EQ(EmailMatchKey("moses@example.com"), "moses@example.com");
  EXPECT_EQ(EmailMatchKey("+moses@example.com"), "+moses@example.com");
  EXPECT_EQ(EmailMatchKey("\"a+b\"@example.com"), "\"a+b\"@example.com");
  EXPECT_EQ(EmailMatchKey("no address"), "no address");
}

TEST(EmailTest, KnowsDomains) {
  EXPECT_EQ(DomainOf("a@example.com"), "example.com");
  EXPECT_EQ(DomainOf("\"a@b\"@example.com"), "example.com");
  EXPECT_EQ(DomainOf("none"), "");
  for (const char* domain : {"126.com", "gmail.com", "yahoo.co.uk", "web.de", "zoho.com", "proton.me"}) {
    EXPECT_TRUE(IsFreeMailDomain(domain)) << domain;
  }
  EXPECT_FALSE(IsFreeMailDomain("example.com"));
  EXPECT_FALSE(IsFreeMailDomain(""));
  EXPECT_TRUE(IsDisposableMailDomain("mailinator.com"));
  EXPECT_TRUE(IsDisposableMailDomain("any.thing.mailinator.com"));
  for (const char* domain : {"", "com", "gmail.com", "xyzmailinator.com", "mailinator.com.example"}) {
    EXPECT_FALSE(IsDisposableMailDomain(domain)) << domain;
  }
}

/// Why a case of is_email is judged otherwise here; empty: it must be judged the same.
std::string WhyOtherwise(const CsvRow& row) {
  const std::string& id = row.cells[0];
  const std::string& address = row.cells[1];
  if (id == "57") return "its control character was lost on the way into this file: it is a plain quoted string there";
  if (id == "71") return "RFC 5321 lets :: stand for one group, as RFC 4291 does; is_email calls that deprecated";
  const bool at_the_ends =
      !address.empty() && (std::isspace(address.front()) != 0 || std::isspace(address.back()) != 0);
  if (at_the_ends) return "white space and line breaks at the ends are trimmed, as they come with copied text";
  return "";
}

// The cases of Dominic Sayers's is_email: what it takes for a mailbox of RFC 5321 is one, whatever its domain's DNS
// says, and all else is none: comments, folding white space and obsolete forms of RFC 5322 above all.
TEST(EmailTest, AgreesWithIsEmail) {
  const auto path = testing::SharedData("email_address/isemail_tests.csv");
  if (!path) GTEST_SKIP() << testing::kNoSharedData;
  int same = 0;
  std::set<std::string> otherwise;
  for (const CsvRow& row : ReadRows(*path)) {
    if (row.number == 1 || row.cells.size() < 4) continue;
    const std::string& category = row.cells[2];
    const bool mailbox =
        category == "ISEMAIL_VALID_CATEGORY" || category == "ISEMAIL_DNSWARN" || category == "ISEMAIL_RFC5321";
    if ((Normal(row.cells[1]) != "INVALID_EMAIL") == mailbox) {
      ++same;
      continue;
    }
    EXPECT_NE(WhyOtherwise(row), "") << row.cells[0] << ": " << row.cells[1] << " is " << category;
    otherwise.insert(row.cells[0]);
  }
  EXPECT_EQ(same + otherwise.size(), 164u);
  EXPECT_EQ(otherwise.size(), 26u);
}

TEST(EmailTest, FreeMailDomainsAreFreeMailDomains) {
  const auto path = testing::SharedData("email_address/free_email_domains.json");
  if (!path) GTEST_SKIP() << testing::kNoSharedData;
  const auto known = nlohmann::json::parse(ReadFile(*path));
  std::set<std::string> all(known.begin(), known.end());
  EXPECT_GT(all.size(), 10000u);
  int found = 0;
  for (const std::string& domain : all) found += IsFreeMailDomain(domain) ? 1 : 0;
  EXPECT_GE(found, 350);
}

}  // namespace
}  // namespace embudo::text
