#include "common/testing/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "common/base/error.h"
#include "common/testing/temp_dir.h"

namespace embudo::testing {
namespace {

std::vector<std::string> EnvironmentWith(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : changes) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child: between fork and exec only what is async-signal-safe. Does not return; tells errno through `failure`.
[[noreturn]] void Become(char* const* arguments, char* const* environment, int output, int death_signal, pid_t parent,
                         int failure) {
  prctl(PR_SET_PDEATHSIG, death_signal);
  if (getppid() != parent) _exit(127);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvpe(arguments[0], arguments, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(failure, &error, sizeof error);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(Options options) {
  std::vector<std::string> environment = EnvironmentWith(options.environment);
  const std::vector<char*> argument_pointers = Pointers(options.command);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const int output = open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) return Internal("cannot write " + options.output.string());
  int failure[2];  // closed by a successful exec
  if (pipe2(failure, O_CLOEXEC) != 0) return Internal("pipe2");

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    Become(argument_pointers.data(), environment_pointers.data(), output, options.death_signal, parent, failure[1]);
  }
  close(output);
  close(failure[1]);
  int error = 0;
  const bool failed = pid < 0 || read(failure[0], &error, sizeof error) > 0;
  close(failure[0]);
  if (failed) {
    if (pid > 0) waitpid(pid, nullptr, 0);
    return NotFound("program", options.command[0] + ": " + std::strerror(error));
  }
  return std::unique_ptr<Process>(new Process(pid, options.output));
}

Process::~Process() { Kill(); }

bool Process::exited() {
  int status = 0;
  if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_code_.has_value();
}

void Process::Signal(int signal) {
  if (!exited()) kill(pid_, signal);
}

std::optional<int> Process::WaitExit(std::chrono::milliseconds patience) {
  Eventually([this] { return exited(); }, patience);
  return exit_code_;
}

void Process::Kill() {
  Signal(SIGKILL);
  WaitExit();
}

std::optional<int> Process::Terminate(std::chrono::milliseconds patience) {
  Signal(SIGTERM);
  return WaitExit(patience);
}

std::string Process::Output() const {
  std::ifstream file(output_);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Process::WaitForOutput(std::string_view text, std::chrono::milliseconds patience) {
  const auto there = [&] { return Output().find(text) != std::string::npos; };
  Eventually([&] { return there() || exited(); }, patience);
  return there();
}

absl::StatusOr<std::string> RunProgram(std::vector<std::string> command,
                                       std::map<std::string, std::string> environment) {
  const TempDir dir;
  Process::Options options;
  options.command = std::move(command);
  options.environment = std::move(environment);
  options.output = dir.path() / "output";
  const std::string program = options.command[0];
  EMBUDO_ASSIGN_OR_RETURN(const std::unique_ptr<Process> process, Process::Start(std::move(options)));
  const std::optional<int> code = process->WaitExit(std::chrono::minutes(5));
  if (code != 0) {
    return Internal(program + (code ? " ended with " + std::to_string(*code) : " does not end") + ":\n" +
                    process->Output());
  }
  return process->Output();
}

}  // namespace embudo::testing
