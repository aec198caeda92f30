#include "common/http/public_address.h"

#include <gtest/gtest.h>

namespace embudo::http {
namespace {

bool Allowed(const std::string& uri, bool private_allowed = false) {
  return CheckTarget(uri, private_allowed, "push_uri").ok();
}

TEST(PushTargetTest, PublicAddressesAreAllowed) {
  for (const char* uri : {"https://example.com/events", "http://example.com:8080/a?b=c", "https://93.184.216.34/",
                          "https://[2606:2800:220:1:248:1893:25c8:1946]/", "https://[::ffff:93.184.216.34]/",
                          "https://[64:ff9b::5db8:d822]/", "https://face.example/", "https://cafe/",
                          "https://dead.beef/", "https://172.15.0.1/", "https://172.32.0.1/", "https://100.128.0.1/"}) {
    EXPECT_TRUE(Allowed(uri)) << uri;
  }
}

TEST(PushTargetTest, AddressesOfPrivateNetworksAreNot) {
  for (const char* uri : {"http://127.0.0.1/",
                          "http://127.255.1.2:9/",
                          "http://10.1.2.3/",
                          "http://172.16.0.1/",
                          "http://172.31.255.255/",
                          "http://192.168.1.1/",
                          "http://169.254.169.254/latest/meta-data",
                          "http://100.64.0.1/",
                          "http://0.0.0.0/",
                          "http://192.0.0.8/",
                          "http://198.18.0.1/",
                          "http://203.0.113.9/",
                          "http://224.0.0.1/",
                          "http://255.255.255.255/",
                          "http://localhost/",
                          "http://LocalHost/",
                          "http://localhost./",
                          "http://a.localhost/",
                          "http://a.LOCALHOST./",
                          "http://printer.local/",
                          "http://metadata.google.internal/",
                          "http://127.0.0.1./"}) {
    EXPECT_FALSE(Allowed(uri)) << uri;
    EXPECT_TRUE(Allowed(uri, true)) << uri;
  }
}

TEST(PushTargetTest, NorAreOtherWaysToWriteThem) {
  for (const char* uri : {"http://2130706433/",
                          "http://0x7f000001/",
                          "http://0x7f.1/",
                          "http://0177.0.0.1/",
                          "http://127.1/",
                          "http://0/",
                          "http://%31%32%37.0.0.1/",
                          "http://[::1]/",
                          "http://[::]/",
                          "http://[::ffff:127.0.0.1]/",
                          "http://[::ffff:a00:1]/",
                          "http://[::ffff:169.254.169.254]/",
                          "http://[64:ff9b::7f00:1]/",
                          "http://[64:ff9b::10.0.0.1]/",
                          "http://[fe80::1]/",
                          "http://[fe80::1%25eth0]/",
                          "http://[fc00::1]/",
                          "http://[fd12:3456::1]/",
                          "http://[fec0::1]/",
                          "http://[ff02::1]/",
                          "http://[2001:db8::1]/",
                          "http://[2002:7f00:1::]/",
                          "http://[2001:0:7f00:1::]/",
                          "http://[3fff::1]/",
                          "http://[::127.0.0.1]/"}) {
    EXPECT_FALSE(Allowed(uri)) << uri;
  }
}

TEST(PushTargetTest, WhatIsNoAddressOfTheWebIsNeverAllowed) {
  for (const char* uri : {"", "example.com", "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/",
                          "https://user@example.com/", "https://user:secret@example.com/", "https://",
                          "https://exa mple.com/", "javascript:alert(1)"}) {
    EXPECT_FALSE(Allowed(uri)) << uri;
    EXPECT_FALSE(Allowed(uri, true)) << uri;
  }
}

TEST(PushTargetTest, AddressesThatANameLeadsToAreJudged) {
  EXPECT_TRUE(IsPublicAddress("1.1.1.1"));
  EXPECT_TRUE(IsPublicAddress("2606:4700:4700::1111"));
  for (const char* address : {"127.0.0.1", "::1", "::ffff:127.0.0.1", "fe80::1%eth0", "10.0.0.1", "localhost", ""}) {
    EXPECT_FALSE(IsPublicAddress(address)) << address;
  }
}

}  // namespace
}  // namespace embudo::http
