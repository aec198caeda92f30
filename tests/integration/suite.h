#pragma once

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/app/app.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/testing/manual_clock.h"
#include "common/testing/postgres.h"
#include "common/testing/redis.h"

namespace embudo::testing {

/// A service as a suite runs it.
struct ServiceUnderTest {
  std::string name;  ///< `pipeline`
  app::BindFunction bind;
  const std::vector<db::Migration>* migrations;
  std::map<std::string, std::string> options = {};  ///< its own flags
};

/// Calls as one caller. A method is found by the type of its request, since each has its own.
class Caller {
 public:
  Caller(rpc::Client& client, rpc::Identity identity) : client_(&client), identity_(std::move(identity)) {}

  template <class Response>
  absl::StatusOr<Response> Call(const google::protobuf::Message& request) const {
    return client_->Call<Response>(MethodOf(request), identity_, request, kTimeout);
  }
  /// The same where nothing else than success will do.
  template <class Response>
  Response Must(const google::protobuf::Message& request) const {
    absl::StatusOr<Response> response = Call<Response>(request);
    EXPECT_TRUE(response.ok()) << MethodOf(request) << ": " << response.status() << "\n" << request.DebugString();
    return response.ok() ? *std::move(response) : Response();
  }
  /// For tests that know the types by descriptors alone.
  absl::Status CallAny(const google::protobuf::Message& request, google::protobuf::Message* response) const {
    return client_->Call(MethodOf(request), identity_, request, response, kTimeout);
  }
  std::unique_ptr<rpc::ClientStream> Stream(const std::string& method) const {
    return client_->Stream(method, identity_);
  }

  const rpc::Identity& identity() const { return identity_; }
  rpc::Client& client() const { return *client_; }

  /// `embudo.pipeline.v1.LeadService/CreateLead` for a CreateLeadRequest.
  static std::string MethodOf(const google::protobuf::Message& request);

 private:
  static constexpr std::chrono::milliseconds kTimeout{30000};

  rpc::Client* client_;
  rpc::Identity identity_;
};

/// Services in this process, each behind a server on a port of its own, over a database and a Redis of the suite's,
/// with a clock that the test moves. Callers are believed (development identity).
class Suite {
 public:
  /// Started in this order; a service knows the targets of those before it. The pipeline comes first.
  explicit Suite(std::vector<ServiceUnderTest> services);
  ~Suite();

  ManualClock& clock() { return clock_; }
  Redis& redis() { return redis_; }
  Database& database() { return *database_; }
  /// As the superuser, whom row-level security does not bind.
  db::Pool& sql() { return *sql_; }
  /// Of one service, `pipeline` if the test does not say.
  rpc::Client& client(const std::string& service = "pipeline");
  std::string target(const std::string& service = "pipeline");
  metrics::Registry& metrics(const std::string& service = "pipeline");

  /// Lets time pass. Makes the log's partitions for the days to come, as the hourly upkeep would have done meanwhile.
  void Advance(std::chrono::seconds by);
  /// Stops a service and starts it again on another port; its clients are new ones.
  void Restart(const std::string& service);
  /// The same in two steps, for what happens in between.
  void Stop(const std::string& service);
  void Start(const std::string& service);

  /// The proto services that are served, of all services in the suite.
  std::vector<const google::protobuf::ServiceDescriptor*> Descriptors() const;

  /// Makes a tenant with its defaults and returns its id.
  std::string NewTenant();
  /// A caller of the pipeline service in that tenant.
  Caller As(const std::string& tenant, type::v1::Role role, const std::string& actor = "users/admin",
            const std::string& service = "pipeline");

  /// Rows of a statement that must succeed.
  db::Result Query(const std::string& sql, const db::Params& params = {});

 private:
  struct Hosted;
  /// A service that does not serve, and its place in the order.
  struct Stopped {
    std::ptrdiff_t place = 0;
    ServiceUnderTest service;
    app::Config config;
  };

  Hosted& Find(const std::string& service);
  app::Config ConfigOf(const ServiceUnderTest& service) const;
  void MakePartitions();

  ManualClock clock_;
  Redis redis_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<db::Pool> sql_;
  std::vector<std::unique_ptr<Hosted>> services_;
  std::map<std::string, Stopped> stopped_;
  int tenants_ = 0;
};

/// An error's detail of one type; its default if there is none.
template <class Detail>
Detail DetailOf(const absl::Status& status) {
  const google::rpc::Status details = ToRpcStatus(status);
  Detail detail;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return Detail();
}

/// The fields that the error's BadRequest names.
std::vector<std::string> BadFields(const absl::Status& status);
/// The subjects of its PreconditionFailure.
std::vector<std::string> Violations(const absl::Status& status);

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

/// A Status or StatusOr with this code and ErrorInfo reason.
MATCHER_P2(IsError, code, reason, std::string(reason)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "which is " << status;
  return status.code() == code && ReasonOf(status) == reason;
}
/// A message that says the same.
MATCHER_P(SameAs, expected, "is " + expected.ShortDebugString()) {
  *result_listener << arg.ShortDebugString();
  return google::protobuf::util::MessageDifferencer::Equals(arg, expected);
}

}  // namespace embudo::testing
