#include "common/app/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <prometheus/counter.h>

#include "common/base/error.h"

namespace embudo::app {
namespace {

TEST(AdminServerTest, TellsMetricsHealthAndReadiness) {
  metrics::Registry metrics;
  metrics.Counter("embudo_cats_total", "Cats.").Increment();
  AdminServer server(metrics);
  ASSERT_TRUE(server.Start("127.0.0.1:0").ok());
  httplib::Client client("http://" + server.address());
  EXPECT_THAT(client.Get("/metrics")->body, testing::HasSubstr("embudo_cats_total 1"));
  EXPECT_EQ(client.Get("/healthz")->status, 200);
  EXPECT_EQ(client.Get("/readyz")->status, 503);
  server.SetReady(absl::UnavailableError("waiting for the database"));
  EXPECT_EQ(client.Get("/readyz")->body, "waiting for the database\n");
  server.SetReady(absl::OkStatus());
  EXPECT_EQ(client.Get("/readyz")->status, 200);
  EXPECT_EQ(client.Get("/secrets")->status, 404);
}

TEST(AdminServerTest, APortThatIsTakenIsAnError) {
  metrics::Registry metrics;
  AdminServer first(metrics);
  ASSERT_TRUE(first.Start("127.0.0.1:0").ok());
  AdminServer second(metrics);
  EXPECT_EQ(ReasonOf(second.Start(first.address())), "ADDRESS_TAKEN");
  EXPECT_FALSE(AdminServer(metrics).Start("nonsense").ok());
}

}  // namespace
}  // namespace embudo::app
