#pragma once

#include <httplib.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/testing/eventually.h"

namespace embudo::testing {

/// A receiver of pushes on this machine: takes down all that comes and answers as it is told.
class Webhook {
 public:
  struct Push {
    std::string path, id, time, signature, content_type, body;

    nlohmann::json Event() const { return nlohmann::json::parse(body, nullptr, false); }
    std::string Text(const char* attribute) const { return Event().value(attribute, ""); }
    std::string subject() const { return Text("subject"); }
  };
  struct Answer {
    int status = 204;
    std::string body;
    std::map<std::string, std::string> headers = {};
  };
  using Answerer = std::function<Answer(const Push&)>;

  Webhook() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(16); };
    // Else a stop waits for connections that curl keeps.
    server_.set_keep_alive_max_count(1);
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const auto header = [&](const char* name) { return request.get_header_value(name); };
      const Push push{
          request.path,           header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"),
          header("content-type"), request.body};
      Answerer answerer;
      {
        const std::lock_guard lock(mutex_);
        pushes_.push_back(push);
        answerer = answerer_;
      }
      const Answer answer = answerer ? answerer(push) : Answer();
      response.status = answer.status;
      for (const auto& [name, value] : answer.headers) response.set_header(name.c_str(), value);
      if (!answer.body.empty()) response.set_content(answer.body, "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // A stop that comes before the loop has begun would be lost.
    Eventually([this] { return server_.is_running(); });
  }
  ~Webhook() {
    server_.stop();
    thread_.join();
  }

  std::string uri(const std::string& path = "/events") const { return On("127.0.0.1", path); }
  std::string On(const std::string& host, const std::string& path = "/events") const {
    return "http://" + host + ":" + std::to_string(port_) + path;
  }

  /// Without one, 204 is the answer.
  void AnswerBy(Answerer answerer) {
    const std::lock_guard lock(mutex_);
    answerer_ = std::move(answerer);
  }
  void AnswerWith(const Answer& answer) {
    AnswerBy([answer](const Push&) { return answer; });
  }

  std::vector<Push> pushes() {
    const std::lock_guard lock(mutex_);
    return pushes_;
  }
  /// Those of one record.
  std::vector<Push> Of(const std::string& subject) {
    std::vector<Push> out = pushes();
    std::erase_if(out, [&](const Push& push) { return push.subject() != subject; });
    return out;
  }
  bool WaitForPushes(size_t count) {
    return Eventually([&] { return pushes().size() >= count; });
  }
  bool WaitForPushesOf(const std::string& subject, size_t count) {
    return Eventually([&] { return Of(subject).size() >= count; });
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<Push> pushes_;
  Answerer answerer_;
  std::thread thread_;
};

}  // namespace embudo::testing
