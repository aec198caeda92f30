#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "embudo/type/v1/options.pb.h"
#include "google/api/field_behavior.pb.h"
#include "services/automation/bind.h"
#include "services/automation/storage/migrations.h"
#include "services/capture/bind.h"
#include "services/capture/storage/migrations.h"
#include "services/pipeline/bind.h"
#include "services/pipeline/storage/migrations.h"
#include "services/reporting/bind.h"
#include "services/reporting/storage/migrations.h"
#include "services/scoring/bind.h"
#include "services/scoring/storage/migrations.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using type::v1::Role;

inline std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

inline bool IsRequired(const FieldDescriptor* field) {
  const auto& all = field->options().GetRepeatedExtension(google::api::field_behavior);
  return std::find(all.begin(), all.end(), google::api::REQUIRED) != all.end();
}

/// `pipeline` of a method of embudo.pipeline.v1.
inline std::string ServiceOf(const MethodDescriptor* method) {
  const std::string& name = method->full_name();
  const size_t from = name.find('.') + 1;
  return name.substr(from, name.find('.', from) - from);
}

/// All services, and every method of theirs, so that a new one is looked at without a word in a test.
class AllServicesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    suite_ = std::make_unique<Suite>(
        std::vector<ServiceUnderTest>{{"pipeline", pipeline::Bind, &pipeline::storage::Migrations()},
                                      {"capture", capture::Bind, &capture::storage::Migrations()},
                                      {"scoring", scoring::Bind, &scoring::storage::Migrations()},
                                      {"automation", automation::Bind, &automation::storage::Migrations()},
                                      {"reporting", reporting::Bind, &reporting::storage::Migrations()}});
    for (const auto* service : suite_->Descriptors()) {
      if (!service->full_name().starts_with("embudo.")) continue;
      for (int i = 0; i < service->method_count(); ++i) methods_.push_back(service->method(i));
    }
  }
  static void TearDownTestSuite() {
    methods_.clear();
    suite_.reset();
  }

  static Caller As(const std::string& tenant, const MethodDescriptor* method, Role role,
                   const std::string& actor = "users/admin") {
    return suite_->As(tenant, role, actor, ServiceOf(method));
  }

  static inline std::unique_ptr<Suite> suite_;
  static inline std::vector<const MethodDescriptor*> methods_;
};

}  // namespace embudo::testing
