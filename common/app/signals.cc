#include "common/app/signals.h"

#include <pthread.h>
#include <signal.h>

#include <cstdlib>

#include "common/log/log.h"

namespace embudo::app {
namespace {

// Tells the watching thread to end; sent by nobody else.
constexpr int kClose = SIGUSR2;

sigset_t Watched() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, kClose}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Signals::Signals() {
  const sigset_t signals = Watched();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A peer that closes its socket is an error of the write, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Watch(); });
}

Signals::~Signals() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  pthread_kill(thread_.native_handle(), kClose);
  thread_.join();
}

void Signals::Wait() {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [this] { return stop_; });
}

void Signals::Watch() {
  const sigset_t signals = Watched();
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    if (signal == kClose) continue;
    if (stop_) {
      log::Warning("second signal: ending at once");
      std::_Exit(1);
    }
    stop_ = true;
    came_.notify_all();
  }
}

}  // namespace embudo::app
