#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace embudo::log {

/// Structured log, one JSON object a line on standard error. Fields never hold personal data.
///   log::Info("relay: published", {{"partition", 3}, {"count", 200}});
void Debug(std::string_view message, const nlohmann::json& fields = {});
void Info(std::string_view message, const nlohmann::json& fields = {});
void Warning(std::string_view message, const nlohmann::json& fields = {});
void Error(std::string_view message, const nlohmann::json& fields = {});

/// `level` is debug, info, warning, error or off; `service` is in every line.
void Init(const std::string& service, const std::string& level);

}  // namespace embudo::log
