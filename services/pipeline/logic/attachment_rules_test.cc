#include "services/pipeline/logic/attachment_rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "common/base/error.h"

namespace embudo::pipeline::logic {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace): texts with NUL in them

const std::string kPng =
    "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1F\x15\xC4\x89\0\0\0\rIDATx\x9C"
    "c\xF8\xFF\xFF\xFF\x7F\0\t\xFB\x03\xFD*\x86\xE3\x8A\0\0\0\0IEND\xAE"s
    "B`\x82"s;
const std::string kPdf = "%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
// The header of a program of Windows: MZ, the offset of PE at 0x3C, and PE there.
std::string WindowsProgram() {
  std::string bytes(512, '\0');
  bytes.replace(0, 2, "MZ");
  bytes[0x3C] = '\x80';
  bytes.replace(0x80, 6, "PE\0\0\x64\x86"s);
  return bytes;
}

bool Refused(const std::string& content) { return IsProgram(content, ContentTypeOf(content)); }

TEST(AttachmentRulesTest, TheContentTellsTheType) {
  EXPECT_EQ(ContentTypeOf(kPng), "image/png");
  EXPECT_EQ(ContentTypeOf(kPdf), "application/pdf");
  EXPECT_EQ(ContentTypeOf("Dear Ana,\nplease find it below.\n"), "text/plain");
  EXPECT_EQ(ContentTypeOf("\1\2\3\4\xFF\xFE"), "application/octet-stream");
}

TEST(AttachmentRulesTest, ProgramsAreKnownByTheirContent) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::string elf((std::istreambuf_iterator<char>(self)), {});
  ASSERT_GT(elf.size(), 1000u);
  EXPECT_TRUE(Refused(elf));
  EXPECT_TRUE(Refused(elf.substr(0, 64)));
  EXPECT_TRUE(
      Refused("\x7F"
              "ELF"));
  EXPECT_TRUE(Refused(WindowsProgram())) << ContentTypeOf(WindowsProgram());
  EXPECT_TRUE(Refused("\xCF\xFA\xED\xFE\7\0\0\1\3\0\0\0\2\0\0\0\x10\0\0\0"s));
  EXPECT_TRUE(Refused("#!/usr/bin/env python3\nprint(1)\n"));
  EXPECT_TRUE(Refused("#! /bin/sh\nrm -rf /\n"));
  EXPECT_TRUE(Refused("@echo off\r\ndel *.*\r\n")) << ContentTypeOf("@echo off\r\ndel *.*\r\n");
}

TEST(AttachmentRulesTest, WhatIsNoProgramPasses) {
  for (const std::string& content : {kPng, kPdf, "MZ is how it begins"s, "# a heading\n"s, "x"s, "\0"s}) {
    EXPECT_FALSE(Refused(content)) << ContentTypeOf(content);
  }
}

TEST(AttachmentRulesTest, ManyThreadsMayAskAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 50; ++j)
        EXPECT_EQ(ContentTypeOf(j % 2 == 0 ? kPng : kPdf), j % 2 == 0 ? "image/png" : "application/pdf");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(AttachmentRulesTest, AFileNameIsNoPath) {
  for (const char* name : {"offer.pdf", "Angebot Müller (2).pdf", ".profile", "報價.pdf", "a..b", "no-ending"}) {
    EXPECT_TRUE(CheckFileName(name).ok()) << name;
  }
  for (const std::string& name : {""s, "."s, ".."s, "   "s, "../offer.pdf"s, "/etc/passwd"s, "C:\\offer.pdf"s, "a\nb"s,
                                  "a\0b"s, "a\x7F"s, "a\u202Efdp.exe"s, "a\u2028b"s, "a\xFF"s}) {
    EXPECT_EQ(CheckFileName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace embudo::pipeline::logic
