#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace embudo::log {

/// Structured log, one JSON object a line on standard error. Fields never hold personal data.
///   log::Info("relay: published", {{"partition", 3}, {"count", 200}});
void Debug(std::string_view message, const nlohmann::json& fields = {});
void Info(std::string_view message, const nlohmann::json& fields = {});
void Warning(std::string_view message, const nlohmann::json& fields = {});
void Error(std::string_view message, const nlohmann::json& fields = {});

/// `level` is debug, info, warning, error or off; `service` is in every line. Before the first call, the level is
/// warning. Call it again to change either.
void Init(const std::string& service, const std::string& level);

/// Whether a line of this level would be written, to spare the work of making its fields.
bool DebugEnabled();
bool InfoEnabled();

/// While it lives, every line of the current thread also carries these ids. Scopes nest; the inner one holds. The texts
/// must outlive it.
class Scope {
 public:
  Scope(std::string_view call_id, std::string_view trace_id);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string_view outer_call_id_;
  std::string_view outer_trace_id_;
};

}  // namespace embudo::log
