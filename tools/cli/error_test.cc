#include "tools/cli/error.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::cli {
namespace {

TEST(ErrorTextTest, TellsEveryDetail) {
  const absl::Status status =
      Error(absl::StatusCode::kFailedPrecondition, "EXIT_CRITERIA_UNMET", "2 exit criteria are not met")
          .Violation("EXIT_CRITERION", "budget", "Budget confirmed")
          .Violation("EXIT_CRITERION", "need", "Need confirmed")
          .Resource("embudo.dev/Lead", "leads/1");
  EXPECT_EQ(ErrorText(status),
            "error: FAILED_PRECONDITION EXIT_CRITERIA_UNMET: 2 exit criteria are not met\n"
            "  EXIT_CRITERION budget: Budget confirmed\n"
            "  EXIT_CRITERION need: Need confirmed\n"
            "  embudo.dev/Lead leads/1\n");
}

TEST(ErrorTextTest, TellsFieldsAndPlainStatuses) {
  const absl::Status field = InvalidField("lead.email", "is no mail address");
  EXPECT_NE(ErrorText(field).find("\n  lead.email: is no mail address\n"), std::string::npos) << ErrorText(field);
  EXPECT_EQ(ErrorText(absl::UnavailableError("no route")), "error: UNAVAILABLE: no route\n");
}

}  // namespace
}  // namespace embudo::cli
