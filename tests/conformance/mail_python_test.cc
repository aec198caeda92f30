// Every mail of a collection of real and of broken ones, as read by us and by Python's email package.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "common/testing/process.h"
#include "common/testing/shared_data.h"
#include "common/text/unicode.h"
#include "services/capture/mail/parse.h"

namespace embudo::capture::mail {
namespace {

using nlohmann::json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

/// The files that the collection's list names.
std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> files;
  std::istringstream lines(ReadFile(folder + "/manifest.csv"));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) files.push_back(folder + "/" + line.substr(0, line.find(',')));
  return files;
}

std::string Folded(const std::string& text) { return text::FoldWhitespace(text); }

/// Where the two differ and why. Beside these there are only fields of which Python makes U+FFFD: text that has no
/// charset, or another than it says, which we take as UTF-8 or Windows-1252.
const std::map<std::string, std::string>& Explained() {
  static const std::map<std::string, std::string> explained = {
      {"cpython_test_email/msg_10.txt.eml text", "a text part with a file name comes after others: we take it in"},
      {"cpython_test_email/msg_38.txt.eml text", "delimiters of multiparts that do not enclose them"},
      {"cpython_test_email/msg_43.txt.eml sender", "no address: `MAILER DAEMON <>`"},
      {"mailgun_flanker/disposition-notification.eml date", "a comment before the zone, which Python passes over"},
      {"mailgun_flanker/long-header.eml subject", "we keep 998 characters"},
      {"mikel_mail/content_transfer_encoding_7-bit.eml text", "says UTF-8 and is not"},
      {"mikel_mail/example13.eml date", "white space before the colons: Python takes no such header"},
      {"mikel_mail/example13.eml subject", "white space before the colons"},
      {"mikel_mail/example13.eml text", "white space before the colons"},
      {"mikel_mail/mix_caps_content_type.eml sender",
       "`Big Bug bb@bug.com` without brackets: we find the address in it"},
      {"mikel_mail/multiple_content_types.eml text", "two Content-Type headers: we take the first, Python the last"},
      {"mime4j_mimetools/malformedHeader-nocrlfcrlf.msg.eml text", "a line among the headers that is none"},
      {"mime4j_mimetools/multi-bad.msg.eml date", "a zone of three digits"},
      {"mime4j_mimetools/multi-bad.msg.eml text", "multiparts that do not end"},
      {"mime4j_mimetools/obsolete.msg.eml subject", "white space before the colons"},
      {"mime4j_mimetools/weird-boundary.msg.eml text", "a delimiter that ends in a space"},
      {"mimekit/issue358.txt.eml sender", "an empty line amid the headers' folding"},
      {"mimekit/issue358.txt.eml text", "an empty line amid the headers' folding"},
      {"php_mime_mail_parser/issue84.eml date", "a line among the headers that is none: Python ends them there"},
      {"php_mime_mail_parser/issue84.eml sender", "a line among the headers that is none"},
      {"php_mime_mail_parser/issue84.eml subject", "a line among the headers that is none"},
      {"php_mime_mail_parser/issue84.eml text", "a line among the headers that is none"},
      {"sisimai_bounces/bsd_lhost-barracuda-01.eml sender", "no address: `MAILER-DAEMON <>`"},
      {"sisimai_bounces/bsd_lhost-surfcontrol-02.eml sender", "no address: `<>`"},
      {"sisimai_bounces/bsd_rfc3464-34.eml date", "a date that Python refuses"},
      {"stalwart/000_2.eml text", "text/enriched is text to us"},
      {"stalwart/000_3.eml text", "control characters, which only one of the two takes for white space"},
      {"stalwart/003_3.eml text", "white space after the transfer encoding, which Python does not take off"},
      {"stalwart/008_1.eml text", "a second text part with a file name of its own"},
      {"stalwart/020_1.eml text", "a multipart that names no delimiter: we show it as it is"},
      {"webklex_imap/imap_mime_header_decode_returns_false.eml subject", "an encoded word of bytes that are no text"},
  };
  return explained;
}

/// The fields that Python reads otherwise than we do.
std::vector<std::string> DifferencesOf(const Mail& mail, const json& python) {
  std::vector<std::string> fields;
  const auto compare = [&](const char* field, const std::string& ours) {
    const std::string theirs = Folded(python[field]);
    const bool garbled = theirs.find("\xef\xbf\xbd") != std::string::npos;
    if (Folded(ours) != theirs && !garbled) fields.emplace_back(field);
  };
  const std::string sender = mail.from.empty() ? "" : mail.from[0].address;
  if (text::ToLower(sender) != text::ToLower(std::string(python["sender"]))) compare("sender", sender);
  compare("subject", mail.subject);
  const double date = mail.date ? static_cast<double>(mail.date->time_since_epoch().count()) / 1e6 : -1;
  if (date != (python["date"].is_null() ? -1 : python["date"].get<double>())) fields.emplace_back("date");
  if (python["has_text"].get<bool>()) compare("text", mail.text);
  return fields;
}

TEST(MailAgainstPython, ReadsTheSame) {
  const auto folder = testing::SharedData("emails");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  const std::vector<std::string> files = FilesOf(*folder);
  ASSERT_GE(files.size(), 600u);
  std::vector<std::string> command = {"/usr/bin/python3", "tests/conformance/read_mail.py"};
  command.insert(command.end(), files.begin(), files.end());
  const auto output = testing::RunProgram(command);
  ASSERT_TRUE(output.ok()) << output.status();
  std::istringstream lines(*output);
  std::string line;
  std::map<std::string, std::string> explained = Explained();
  size_t compared = 0;
  while (std::getline(lines, line)) {
    const json python = json::parse(line);
    if (python.contains("error")) continue;
    const std::string path = python["file"];
    ++compared;
    for (const std::string& field : DifferencesOf(Parse(ReadFile(path)), python)) {
      const std::string where = path.substr(folder->size() + 1) + " " + field;
      EXPECT_EQ(explained.erase(where), 1u) << where << " is read otherwise, and nobody has explained it";
    }
  }
  EXPECT_EQ(compared, files.size()) << "mails that Python can't read are no yardstick";
  for (const auto& [where, why] : explained) ADD_FAILURE() << where << " is the same now: " << why;
}

}  // namespace
}  // namespace embudo::capture::mail
