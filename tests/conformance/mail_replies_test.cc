// What libraries that part replies from quotes want of their own test mails, and how often we agree. They do not agree
// with each other: some keep signatures, some keep the quotes between answers.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "common/markup/html.h"
#include "common/testing/shared_data.h"
#include "services/capture/mail/fold.h"
#include "services/capture/mail/parse.h"

namespace embudo::capture::mail {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

/// Without blanks at the ends of lines and empty lines at the ends of the text.
std::string Plain(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::string out;
  while (std::getline(lines, line)) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    out += line + "\n";
  }
  out.erase(out.find_last_not_of('\n') + 1);
  return out.substr(std::min(out.find_first_not_of('\n'), out.size()));
}

std::string WithoutSpace(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) out += c;
  }
  return out;
}

/// The files of a folder that end so.
std::set<fs::path> FilesIn(const fs::path& folder, const std::string& end) {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().string().ends_with(end)) files.insert(entry.path());
  }
  return files;
}

class MailReplies : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto root = testing::SharedData("email_replies");
    if (!root) GTEST_SKIP() << testing::kNoSharedData;
    root_ = *root;
  }
  /// Counts an agreement, or takes the difference off the explained ones.
  void Compare(const std::string& name, const std::string& ours, const std::string& theirs) {
    ++all_;
    if (ours == theirs) {
      ++agreed_;
    } else {
      EXPECT_EQ(explained_.erase(name), 1u) << name << "\n--- they want\n" << theirs << "\n--- we have\n" << ours;
    }
  }
  void Expect(int agreed, int all) {
    EXPECT_EQ(all_, all);
    EXPECT_GE(agreed_, agreed);
    for (const auto& [name, why] : explained_) ADD_FAILURE() << name << " agrees now: " << why;
  }

  fs::path root_;
  int all_ = 0;
  int agreed_ = 0;
  std::map<std::string, std::string> explained_;
};

TEST_F(MailReplies, OfDiscourse) {
  explained_ = {
      {"embedded_email_7.txt", "takes `C>` for a quote, too"},
      {"embedded_email_17.txt", "keeps a quote with its head among the answers; we fold it"},
      {"spam_1.txt", "leaves nothing of a mail that is one quote; we leave the quote"},
  };
  const fs::path folder = root_ / "discourse_email_reply_trimmer/test";
  for (const fs::path& file : FilesIn(folder / "emails", ".txt")) {
    const std::string wanted = ReadFile(folder / "trimmed" / file.filename());
    Compare(file.filename(), Plain(Fold(ReadFile(file)).body), Plain(wanted));
  }
  Expect(61, 64);
}

TEST_F(MailReplies, OfTalonsMails) {
  explained_ = {{"iphone.eml", "keeps what the device says of itself"}, {"sparrow.eml", "keeps the signature"}};
  const fs::path folder = root_ / "mailgun_talon/tests/fixtures/standard_replies";
  for (const fs::path& file : FilesIn(folder, ".eml")) {
    const fs::path text = folder / (file.stem().string() + "_reply_text");
    const std::string wanted = fs::exists(text) ? ReadFile(text) : "Hello";
    Compare(file.filename(), Plain(Fold(Parse(ReadFile(file)).text).body), Plain(wanted));
  }
  Expect(10, 12);
}

TEST_F(MailReplies, OfTalonsPages) {
  for (const fs::path& file : FilesIn(root_ / "mailgun_talon/tests/fixtures/html_replies", ".html")) {
    const std::string text = markup::ReadHtml(ReadFile(file), 1000000).text;
    Compare(file.filename(), WithoutSpace(Fold(text).body), "Hi.Iamfine.Thanks,Alex");
  }
  Expect(9, 9);
}

TEST_F(MailReplies, OfZapier) {
  explained_ = {{"email_sent_from_my_not_signature", "a sentence that begins like a device's signature"}};
  // What its tests ask of the reply: contains (+), does not contain (-), is (=).
  const std::map<std::string, std::string> wanted = {
      {"email_1_1", "+folks"},
      {"email_1_2", "+You can list the keys for the bucket"},
      {"email_1_4", "+Awesome"},
      {"email_1_6", "+I get"},
      {"email_1_7", "+:+1:"},
      {"email_gmail", "=This is a test for inbox replying to a github message."},
      {"email_2_1", "=Outlook with a reply"},
      {"email_2_2", "=Outlook with a reply directly above line"},
      {"email_2_3", "=Outlook with a reply above headers using unusual format"},
      {"email_iPhone", "-Sent from my iPhone"},
      {"email_BlackBerry", "-Sent from my BlackBerry"},
      {"email_multi_word_sent_from_my_mobile_device", "-Sent from my"},
      {"email_one_is_not_on", "-On Oct 1, 2012, at 11:55 PM, Dave Tapley wrote:"},
      {"email_partial_quote_header", "+telnet 127.0.0.1 52698"},
      {"email_headers_no_delimiter", "=And another reply!"},
      {"greedy_on", "+On your remote host you can run:"},
      {"correct_sig", "-rick"},
      {"email_sent_from_my_not_signature", "+Sent from my desk"},
  };
  for (const auto& [name, want] : wanted) {
    const std::string body =
        Plain(Fold(ReadFile(root_ / "zapier_email_reply_parser/test/emails" / (name + ".txt"))).body);
    const std::string text = want.substr(1);
    const bool contains = body.find(text) != std::string::npos;
    const bool agrees = want[0] == '=' ? body == text : want[0] == '+' ? contains : !contains;
    Compare(name, agrees ? want : body, want);
  }
  Expect(17, 18);
}

}  // namespace
}  // namespace embudo::capture::mail
