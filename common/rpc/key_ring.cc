#include "common/rpc/key_ring.h"

#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"
#include "common/rpc/fetch.h"

namespace embudo::rpc {

KeyRing::KeyRing(const std::vector<KeySource>& sources, Duration refresh, Duration soonest)
    : refresh_(refresh), soonest_(soonest) {
  for (const KeySource& source : sources) sources_.push_back({source, "", {}});
  ReadAll();
  thread_ = std::thread([this] { Run(); });
}

KeyRing::~KeyRing() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<const KeyRing::Keys> KeyRing::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

bool KeyRing::complete() const {
  const std::lock_guard lock(mutex_);
  return complete_;
}

void KeyRing::Refresh() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wake_.notify_all();
}

void KeyRing::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    // First the pause that nobody can shorten, then the rest.
    const auto read = std::chrono::steady_clock::now();
    wake_.wait_until(lock, read + soonest_, [this] { return stop_; });
    if (complete_) wake_.wait_until(lock, read + refresh_, [this] { return stop_ || wanted_; });
    if (stop_) return;
    wanted_ = false;
    lock.unlock();
    ReadAll();
    lock.lock();
  }
}

void KeyRing::ReadAll() {
  auto keys = std::make_shared<Keys>();
  bool changed = false;
  bool complete = true;
  for (Source& source : sources_) {
    changed |= Read(&source);
    complete &= !source.text.empty();
    for (const auto& key : source.keys) keys->push_back({key, source.from.issuer});
  }
  const std::lock_guard lock(mutex_);
  complete_ = complete;
  if (!changed) return;
  log::Info("read the key sets", {{"keys", keys->size()}});
  keys_ = std::move(keys);
}

bool KeyRing::Read(Source* source) {
  const auto text = Fetch(source->from.location);
  auto keys = text.ok() ? ParseJwks(*text) : text.status();
  if (!keys.ok()) {
    // The keys of the last good reading stay.
    log::Warning("cannot read a key set", {{"location", source->from.location}, {"reason", MessageOf(keys.status())}});
    return false;
  }
  if (source->text == *text) return false;
  source->text = *text;
  source->keys = *std::move(keys);
  return true;
}

}  // namespace embudo::rpc
