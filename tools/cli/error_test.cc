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

TEST(ErrorTextTest, TellsFieldsOnceAndPlainStatuses) {
  EXPECT_EQ(ErrorText(InvalidField("lead.email", "is no mail address")),
            "error: INVALID_ARGUMENT INVALID_FIELD: lead.email: is no mail address\n");
  const absl::Status fields = Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "2 fields are wrong")
                                  .Field("lead.email", "is no mail address")
                                  .Field("lead.phone", "is too long");
  EXPECT_EQ(ErrorText(fields),
            "error: INVALID_ARGUMENT INVALID_FIELD: 2 fields are wrong\n"
            "  lead.email: is no mail address\n  lead.phone: is too long\n");
  EXPECT_EQ(ErrorText(absl::UnavailableError("no route")), "error: UNAVAILABLE: no route\n");
}

}  // namespace
}  // namespace embudo::cli
