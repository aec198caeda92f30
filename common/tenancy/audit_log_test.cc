#include "common/tenancy/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "common/testing/eventually.h"
#include "common/testing/manual_clock.h"

namespace embudo::tenancy {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

/// A place where records are kept, which can be away.
class AuditLogTest : public ::testing::Test {
 protected:
  absl::Status Keep(const std::string& tenant, const std::vector<rpc::AuditRecord>& records) {
    const std::lock_guard lock(mutex_);
    ++tries_;
    if (!status_.ok()) return status_;
    for (const rpc::AuditRecord& record : records) kept_.push_back(tenant + " " + record.method);
    return absl::OkStatus();
  }
  std::unique_ptr<AuditLog> Make(milliseconds patience) {
    return std::make_unique<AuditLog>([this](const std::string& tenant, const std::vector<rpc::AuditRecord>& records,
                                             const auto&, const auto&) { return Keep(tenant, records); },
                                      clock_, metrics_, patience);
  }
  void Become(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  std::vector<std::string> kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  static rpc::AuditRecord Record(const std::string& tenant, const std::string& method) {
    rpc::AuditRecord record;
    record.tenant = tenant;
    record.method = method;
    return record;
  }

  testing::ManualClock clock_;
  metrics::Registry metrics_;
  std::mutex mutex_;
  absl::Status status_;
  std::vector<std::string> kept_;
  int tries_ = 0;
};

TEST_F(AuditLogTest, AnAnswerWaitsUntilItsRecordIsKept) {
  const auto log = Make(std::chrono::hours(1));
  Become(absl::UnavailableError("away"));
  log->Start();
  std::promise<std::vector<std::string>> answered;
  log->Add(Record("a", "Update"), [&] { answered.set_value(kept()); });
  EXPECT_TRUE(testing::Eventually([&] {
    const std::lock_guard lock(mutex_);
    return tries_ >= 2;
  }));
  auto future = answered.get_future();
  EXPECT_EQ(future.wait_for(milliseconds(0)), std::future_status::timeout);
  Become(absl::OkStatus());
  EXPECT_THAT(future.get(), ElementsAre("a Update"));
}

TEST_F(AuditLogTest, AnAnswerDoesNotWaitForEver) {
  const auto log = Make(milliseconds(1));
  Become(absl::UnavailableError("away"));
  log->Start();
  std::promise<void> answered;
  log->Add(Record("a", "Update"), [&] { answered.set_value(); });
  answered.get_future().wait();
  EXPECT_TRUE(kept().empty());
  // The record is kept all the same, once.
  Become(absl::OkStatus());
  EXPECT_TRUE(testing::Eventually([&] { return kept().size() == 1; }));
  log->Stop();
  EXPECT_THAT(kept(), ElementsAre("a Update"));
}

TEST_F(AuditLogTest, WhatNobodyTakesIsAnsweredAtOnce) {
  const auto log = Make(std::chrono::hours(1));
  Become(absl::FailedPreconditionError("no such tenant"));
  log->Start();
  std::promise<void> answered;
  log->Add(Record("a", "Update"), [&] { answered.set_value(); });
  answered.get_future().wait();
  bool at_once = false;
  log->Add(Record("", "Update"), [&] { at_once = true; });
  EXPECT_TRUE(at_once);
}

TEST_F(AuditLogTest, NobodyWaitsOnceItHasStopped) {
  const auto log = Make(std::chrono::hours(1));
  Become(absl::UnavailableError("away"));
  log->Start();
  std::atomic<int> answered = 0;
  log->Add(Record("a", "Update"), [&] { ++answered; });
  log->Stop();
  EXPECT_EQ(answered, 1);
  log->Add(Record("a", "Update"), [&] { ++answered; });
  EXPECT_EQ(answered, 2);
}

}  // namespace
}  // namespace embudo::tenancy
