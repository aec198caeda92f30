#pragma once

namespace embudo {

/// While one lives, its thread waits for what others do, as a call does that is written in a group: whoever counts how
/// many threads are at work (an executor) counts one less, and may set another to work meanwhile. Within another it
/// does nothing.
class Waiting {
 public:
  /// Who counts the thread.
  class Counter {
   public:
    virtual ~Counter() = default;
    virtual void BeginWait() = 0;
    virtual void EndWait() = 0;
  };
  /// Of this thread; nullptr: nobody.
  static void CountBy(Counter* counter) { counter_ = counter; }

  Waiting() : mine_(counter_) {
    counter_ = nullptr;
    if (mine_ != nullptr) mine_->BeginWait();
  }
  ~Waiting() {
    if (mine_ != nullptr) mine_->EndWait();
    counter_ = mine_;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  inline static thread_local Counter* counter_ = nullptr;
  Counter* const mine_;
};

}  // namespace embudo
