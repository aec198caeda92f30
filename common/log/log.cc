#include "common/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <forward_list>
#include <memory>
#include <mutex>

#include "common/base/clock.h"

namespace embudo::log {
namespace {

using Json = nlohmann::json;

thread_local std::string_view current_call_id;
thread_local std::string_view current_trace_id;

/// Where lines go. It is never destroyed: threads may still log while the process exits.
struct Sink {
  Sink() : logger("embudo", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::warn);
    logger.flush_on(spdlog::level::warn);
  }

  spdlog::logger logger;
  void SetService(std::string quoted) {
    std::lock_guard lock(mutex);
    service.store(&names.emplace_front(std::move(quoted)), std::memory_order_release);
  }

  std::mutex mutex;
  /// Every name so far: lines take no lock, so one that is being written may still read an older name.
  std::forward_list<std::string> names{"\"embudo\""};
  /// The service's name as the JSON text that lines hold.
  std::atomic<const std::string*> service = &names.front();
};

Sink& TheSink() {
  static Sink& sink = *new Sink;
  return sink;
}

std::string Quoted(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

void Write(spdlog::level::level_enum level, std::string_view name, std::string_view message, const Json& fields) {
  Sink& sink = TheSink();
  if (!sink.logger.should_log(level)) return;
  std::string line = R"({"time":")" + FormatTime(Clock::System().Now()) + R"(","level":")";
  line.append(name).append(R"(","service":)").append(*sink.service.load(std::memory_order_acquire));
  line.append(R"(,"message":)").append(Quoted(message));
  if (!current_call_id.empty()) line.append(R"(,"call_id":)").append(Quoted(current_call_id));
  if (!current_trace_id.empty()) line.append(R"(,"trace_id":)").append(Quoted(current_trace_id));
  if (fields.is_object() && !fields.empty()) {
    const std::string object = fields.dump(-1, ' ', false, Json::error_handler_t::replace);
    line.append(",").append(object, 1, object.size() - 2);
  }
  line += '}';
  sink.logger.log(level, line);
}

}  // namespace

void Debug(std::string_view message, const Json& fields) { Write(spdlog::level::debug, "debug", message, fields); }
void Info(std::string_view message, const Json& fields) { Write(spdlog::level::info, "info", message, fields); }
void Warning(std::string_view message, const Json& fields) { Write(spdlog::level::warn, "warning", message, fields); }
void Error(std::string_view message, const Json& fields) { Write(spdlog::level::err, "error", message, fields); }

void Init(const std::string& service, const std::string& level) {
  Sink& sink = TheSink();
  sink.SetService(Quoted(service));
  sink.logger.set_level(spdlog::level::from_str(level));
}

bool DebugEnabled() { return TheSink().logger.should_log(spdlog::level::debug); }
bool InfoEnabled() { return TheSink().logger.should_log(spdlog::level::info); }

Scope::Scope(std::string_view call_id, std::string_view trace_id)
    : outer_call_id_(current_call_id), outer_trace_id_(current_trace_id) {
  current_call_id = call_id;
  current_trace_id = trace_id;
}

Scope::~Scope() {
  current_call_id = outer_call_id_;
  current_trace_id = outer_trace_id_;
}

}  // namespace embudo::log
