#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/app/free_port.h"
#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

namespace embudo::testing {

/// A mail as the server took it.
struct TakenMail {
  std::string from;
  std::vector<std::string> to;
  bool tls = false;
  std::string user;
  std::string data;

  /// A header as written, unfolded; empty if there is none.
  std::string Header(const std::string& name) const {
    const std::string head = data.substr(0, data.find("\r\n\r\n")) + "\r\n";
    size_t at = head.find(name + ": ");
    while (at != std::string::npos && at != 0 && head[at - 1] != '\n') at = head.find(name + ": ", at + 1);
    if (at == std::string::npos) return "";
    std::string value;
    for (at += name.size() + 2; at < head.size(); ++at) {
      if (head[at] == '\n' && head[at + 1] != ' ' && head[at + 1] != '\t') break;
      if (head[at] != '\r' && head[at] != '\n') value += head[at];
    }
    return value;
  }
};

/// A real mail server on the loopback interface; see smtp_server.py for how it behaves.
class SmtpServer {
 public:
  explicit SmtpServer(std::vector<std::string> flags = {}) : flags_(std::move(flags)) { Start(); }

  std::string url(const std::string& scheme = "smtp", const std::string& host = "127.0.0.1") const {
    return scheme + "://" + host + ":" + std::to_string(port_);
  }
  void Start() {
    std::vector<std::string> command;
    command.emplace_back("/usr/bin/python3");
    command.emplace_back(EMBUDO_SOURCE_DIR "/tests/integration/outbound/smtp_server.py");
    command.emplace_back("--port=" + std::to_string(port_));
    command.emplace_back("--folder=" + dir_.path().string());
    command.insert(command.end(), flags_.begin(), flags_.end());
    const auto output = dir_.path() / ("output" + std::to_string(++starts_));
    auto started = Process::Start({.command = command, .environment = {}, .output = output});
    ASSERT_TRUE(started.ok()) << started.status();
    process_ = *std::move(started);
    ASSERT_TRUE(process_->WaitForOutput("listening")) << process_->Output();
  }
  void Stop() { process_.reset(); }
  /// Answers what it held back.
  void Go() { std::ofstream(dir_.path() / "go") << "go"; }

  std::vector<TakenMail> Mails() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<TakenMail> mails;
    for (const auto& file : files) {
      const auto json = nlohmann::json::parse(std::ifstream(file));
      mails.push_back({json["from"], json["to"], json["tls"],
                       json["user"].is_string() ? json["user"].get<std::string>() : "", json["data"]});
    }
    return mails;
  }
  /// Those to one address.
  std::vector<TakenMail> MailsTo(const std::string& address) const {
    std::vector<TakenMail> mails;
    for (TakenMail& mail : Mails()) {
      if (std::find(mail.to.begin(), mail.to.end(), address) != mail.to.end()) mails.push_back(std::move(mail));
    }
    return mails;
  }

 private:
  const TempDir dir_;
  const std::vector<std::string> flags_;
  const int port_ = std::stoi(app::WithFreePort("127.0.0.1:0").substr(10));
  int starts_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace embudo::testing
