#include "tools/bench/measure.h"

#include <httplib.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/base/error.h"

namespace embudo::bench {
namespace {

// utime and stime of a process, in clock ticks: fields 14 and 15 of /proc/<pid>/stat, behind the command's ")".
int64_t TicksOf(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  std::string text;
  std::getline(file, text);
  if (text.find("(postgres)") == std::string::npos) return 0;
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string field;
  int64_t ticks = 0;
  for (int i = 3; rest >> field && i <= 15; ++i) {
    if (i >= 14) ticks += std::atoll(field.c_str());
  }
  return ticks;
}

double PostgresCpu() {
  int64_t ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().c_str()[0])) != 0)
      ticks += TicksOf(entry.path());
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double Latencies::Percentile(double share) {
  if (values_.empty()) return 0;
  const auto index = static_cast<size_t>(share * static_cast<double>(values_.size() - 1));
  std::nth_element(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(index), values_.end());
  return static_cast<double>(values_[index].count()) / 1e6;
}

void AwaitIdle(const Options& options) {
  constexpr std::chrono::milliseconds kBetween{250};
  constexpr double kIdle = 0.01;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  CpuSeconds last = ReadCpu(options);
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kBetween);
    const CpuSeconds now = ReadCpu(options);
    if (now.service + now.postgres - last.service - last.postgres < kIdle) return;
    last = now;
  }
}

double ReadMetric(const Options& options, const std::string& name) {
  httplib::Client client("http://" + options.metrics);
  const auto response = client.Get("/metrics");
  const std::string line = "\n" + name + " ";
  const size_t at = response ? response->body.find(line) : std::string::npos;
  return at == std::string::npos ? 0 : std::atof(response->body.c_str() + at + line.size());
}

CpuSeconds ReadCpu(const Options& options) { return {ReadMetric(options, "process_cpu_seconds_total"), PostgresCpu()}; }

absl::StatusOr<std::string> RunCommand(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return Internal("popen");
  char buffer[4096];
  while (const size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, size);
  if (pclose(pipe) == 0) return output;
  return Error(absl::StatusCode::kUnavailable, "COMMAND_FAILED",
               command.substr(0, command.find(' ')) +
                   " failed: " + output.substr(output.size() > 500 ? output.size() - 500 : 0))
      .ToStatus();
}

}  // namespace embudo::bench
