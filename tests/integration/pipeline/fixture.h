#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "embudo/type/v1/custom_field.pb.h"
#include "embudo/type/v1/event.pb.h"
#include "embudo/type/v1/lead.pb.h"
#include "embudo/type/v1/user.pb.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

inline constexpr char kNew[] = "pipelines/default/stages/new";
inline constexpr char kQualified[] = "pipelines/default/stages/qualified";
inline constexpr char kProposal[] = "pipelines/default/stages/proposal";
inline constexpr char kNegotiation[] = "pipelines/default/stages/negotiation";
inline constexpr char kWon[] = "pipelines/default/stages/won";

/// The pipeline service alone, one for the whole program; a fresh tenant for each test.
class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest();

  static Suite& suite();

  Caller As(type::v1::Role role, const std::string& actor = "users/admin") const {
    return suite().As(tenant_, role, actor);
  }
  /// What a repeated call is known by.
  static std::string NewRequestId();

  type::v1::Lead CreateLead(const std::string& display_name = "A deal") const;
  type::v1::Lead GetLead(const std::string& name) const;
  std::string CreateUser(const std::string& id, type::v1::User::Visibility visibility = type::v1::User::VISIBILITY_ALL,
                         bool disabled = false) const;

  /// A custom field of leads, or of contacts.
  type::v1::CustomField DefineField(const std::string& key, type::v1::CustomField::Type type,
                                    type::v1::CustomField::Target target = type::v1::CustomField::TARGET_LEAD) const;

  /// The tenant's events in the order in which they were written, from PostgreSQL.
  static std::vector<type::v1::Event> EventsOf(const std::string& tenant);
  std::vector<type::v1::Event> Events() const { return EventsOf(tenant_); }
  /// Waits until every event of the tenant has its position.
  void WaitUntilPositioned() const;
  /// Those of one record.
  std::vector<type::v1::Event> EventsAbout(const std::string& subject) const;
  static std::vector<std::string> TypesOf(const std::vector<type::v1::Event>& events);

  const std::string tenant_;
  const Caller admin_;
  const Caller manager_;
  const Caller rep_;
  const Caller service_;
};

}  // namespace embudo::testing
