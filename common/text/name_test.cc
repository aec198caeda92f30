#include "common/text/name.h"

#include <gtest/gtest.h>

namespace embudo::text {
namespace {

TEST(NameTest, CompaniesMatchWithoutLegalForm) {
  for (const char* name : {"Acme", "ACME, Inc.", "Acme Inc", "acme  GmbH & Co. KG", "Acme S.A.", "Acme Pty. Ltd.",
                           "Acme, L.L.C.", "Acme Co., Ltd."}) {
    EXPECT_EQ(CompanyKey(name), "acme") << name;
  }
  EXPECT_EQ(CompanyKey("Société Générale SA"), "societe generale");
  EXPECT_EQ(CompanyKey("Inc"), "inc");
  EXPECT_EQ(CompanyKey("Sage"), "sage");
  EXPECT_EQ(CompanyKey("Cisco"), "cisco");
  EXPECT_NE(CompanyKey("Acme Corporation"), CompanyKey("Acme Foods"));
}

TEST(NameTest, PeopleMatchInEitherOrder) {
  EXPECT_EQ(PersonKey("Moses Frase"), "moses frase");
  EXPECT_EQ(PersonKey("Frase, Moses"), "moses frase");
  EXPECT_EQ(PersonKey("Dr. MOSES  Frase"), "moses frase");
  EXPECT_EQ(PersonKey("Zoë O'Neil"), "zoe oneil");
  EXPECT_EQ(PersonKey("Mr"), "mr");
}

TEST(NameTest, WebsitesHaveDomains) {
  EXPECT_EQ(WebsiteDomain("HTTPS://www.Acme.com:443/about?x=1#y"), "acme.com");
  EXPECT_EQ(WebsiteDomain("acme.com"), "acme.com");
  EXPECT_EQ(WebsiteDomain("www.www.acme.com"), "acme.com");
  EXPECT_EQ(WebsiteDomain("http://user:pw@shop.acme.co.uk/"), "shop.acme.co.uk");
  EXPECT_EQ(WebsiteDomain(" www.bücher.example. "), "xn--bcher-kva.example");
  EXPECT_EQ(WebsiteDomain("localhost"), "");
  EXPECT_EQ(WebsiteDomain("n/a"), "");
  EXPECT_EQ(WebsiteDomain(""), "");
}

TEST(NameTest, CountriesAreAlpha2) {
  EXPECT_EQ(NormaliseCountry("us"), "US");
  EXPECT_EQ(NormaliseCountry("USA"), "US");
  EXPECT_EQ(NormaliseCountry("United States"), "US");
  EXPECT_EQ(NormaliseCountry("U.S.A."), "US");
  EXPECT_EQ(NormaliseCountry("Germany"), "DE");
  EXPECT_EQ(NormaliseCountry("deu"), "DE");
  EXPECT_EQ(NormaliseCountry("UK"), "GB");
  EXPECT_EQ(NormaliseCountry("Côte d’Ivoire"), "CI");
  EXPECT_EQ(NormaliseCountry("South Korea"), "KR");
  EXPECT_EQ(NormaliseCountry(" Romania "), "RO");
}

TEST(NameTest, UnknownCountriesStayAsWritten) {
  EXPECT_EQ(NormaliseCountry("  Philipines"), "Philipines");
  EXPECT_EQ(NormaliseCountry("Korea"), "Korea");
  EXPECT_EQ(NormaliseCountry("XX"), "XX");
  EXPECT_EQ(NormaliseCountry(""), "");
}

}  // namespace
}  // namespace embudo::text
