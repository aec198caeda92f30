// Losing Redis loses nothing, and a slow transaction delays only itself.

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "common/event/consumer.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using type::v1::Event;
using type::v1::Lead;

/// A consumer whose effect is one row an event, in the transaction that moves its checkpoint.
class Recorder {
 public:
  explicit Recorder(Suite& suite)
      : suite_(suite),
        consumer_({.name = "recorder",
                   .schema = "scoring",
                   .postgres = db::ConninfoFor(suite.database().conninfo(), "scoring_worker", "recorder"),
                   .redis = suite.redis().address()},
                  &Record, metrics_) {
    auto admin = suite.sql().Acquire(db::After(kPatience));
    EXPECT_TRUE((*admin)
                    ->ExecScript("DROP TABLE IF EXISTS scoring.consumer_checkpoint, scoring.dead_letter,"
                                 " scoring.seen;" +
                                 event::ConsumerTablesSql("scoring") +
                                 "CREATE TABLE scoring.seen (id bigserial, tenant text, partition int,"
                                 " position bigint);"
                                 "GRANT ALL ON scoring.seen, scoring.seen_id_seq TO scoring_worker")
                    .ok());
    consumer_.Start();
  }
  ~Recorder() { consumer_.Stop(); }

  /// {partition, position} of a tenant's events, in the order in which they were applied.
  std::vector<std::pair<int64_t, int64_t>> Seen(const std::string& tenant) {
    const db::Result rows = suite_.Query("SELECT partition, position FROM scoring.seen WHERE tenant = $1 ORDER BY id",
                                         db::Params::Of(tenant));
    std::vector<std::pair<int64_t, int64_t>> seen;
    for (int i = 0; i < rows.size(); ++i) seen.emplace_back(rows[i].Int(0), rows[i].Int(1));
    return seen;
  }

 private:
  static absl::Status Record(db::Connection& connection, const std::vector<Event>& events) {
    for (const Event& event : events) {
      EMBUDO_RETURN_IF_ERROR(
          connection
              .Exec("INSERT INTO scoring.seen (tenant, partition, position) VALUES ($1, $2::int, $3)",
                    db::Params::Of(event.tenant(), static_cast<int64_t>(event.partition()), event.position()))
              .status());
    }
    return absl::OkStatus();
  }

  Suite& suite_;
  metrics::Registry metrics_;
  event::Consumer consumer_;
};

class EventLossTest : public PipelineTest {
 protected:
  /// Writes to the leads from several threads until told to stop; counts what was done.
  class Load {
   public:
    Load(const Caller& caller, const std::vector<std::string>& leads, int threads) {
      for (int t = 0; t < threads; ++t) {
        threads_.emplace_back([this, caller, leads, t] {
          for (int i = 0; !stop_; ++i) {
            pipeline::v1::UpdateLeadRequest request;
            request.mutable_lead()->set_name(leads[static_cast<size_t>(t + i) % leads.size()]);
            request.mutable_lead()->set_pain(std::to_string(t) + "/" + std::to_string(i));
            caller.Must<Lead>(request);
            ++done_;
          }
        });
      }
    }
    ~Load() { Stop(); }
    void Stop() {
      stop_ = true;
      for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
      }
    }
    /// Lets so many more changes happen.
    bool Go(int more) {
      const int goal = done_ + more;
      return Eventually([&] { return done_ >= goal; });
    }

   private:
    std::atomic<bool> stop_{false};
    std::atomic<int> done_{0};
    std::vector<std::thread> threads_;
  };

  /// That the positions of each partition rise, each once; and all that the log has of the tenant are there.
  void ExpectWhole(const std::vector<std::pair<int64_t, int64_t>>& seen) const {
    std::map<int64_t, int64_t> last;
    for (const auto& [partition, position] : seen) {
      EXPECT_GT(position, last[partition]) << "in partition " << partition;
      last[partition] = position;
    }
    const db::Result log = suite().Query("SELECT partition, position FROM pipeline.event_position WHERE tenant_id = $1",
                                         db::Params::Of(tenant_));
    std::set<std::pair<int64_t, int64_t>> written;
    for (int i = 0; i < log.size(); ++i) written.emplace(log[i].Int(0), log[i].Int(1));
    EXPECT_EQ(written.size(), Events().size());
    EXPECT_TRUE(written == std::set(seen.begin(), seen.end()))
        << seen.size() << " were seen of " << written.size() << " in the log";
  }
  static std::vector<std::pair<int64_t, int64_t>> PlacesOf(const std::vector<Event>& events) {
    std::vector<std::pair<int64_t, int64_t>> places;
    for (const Event& event : events) places.emplace_back(event.partition(), event.position());
    return places;
  }
  std::vector<std::string> CreateLeads(int count) const {
    std::vector<std::string> leads;
    for (int i = 0; i < count; ++i) leads.push_back(CreateLead().name());
    return leads;
  }
};

TEST_F(EventLossTest, EveryEventComesOnceThroughTheLossOfRedis) {
  Recorder recorder(suite());
  Tailer tail(admin_, Tailer::Earliest());
  tail.Credit(1000000);
  ASSERT_TRUE(tail.WaitForStart());
  Load load(admin_, CreateLeads(8), 4);
  ASSERT_TRUE(load.Go(100));
  suite().redis().FlushAll();
  ASSERT_TRUE(load.Go(100));
  suite().redis().Kill();
  ASSERT_TRUE(load.Go(100));  // nobody who writes waits for Redis
  suite().redis().Wipe();
  suite().redis().Start();
  ASSERT_TRUE(load.Go(100));
  load.Stop();
  suite().redis().FlushAll();
  const size_t count = Events().size();
  EXPECT_GE(count, 400u);
  EXPECT_TRUE(tail.WaitForEvents(count));
  EXPECT_TRUE(Eventually([&] { return recorder.Seen(tenant_).size() >= count; }));
  ExpectWhole(PlacesOf(tail.events()));
  ExpectWhole(recorder.Seen(tenant_));
}

TEST_F(EventLossTest, ASleepingTransactionIsNeitherSkippedNorInTheWay) {
  Recorder recorder(suite());
  Tailer tail(admin_, Tailer::Latest());
  tail.Credit(1000000);
  ASSERT_TRUE(tail.WaitForStart());
  const std::vector<std::string> leads = CreateLeads(50);
  const size_t before = Events().size();
  // A writer draws its number, and sleeps before it commits.
  auto sleeper = suite().sql().Acquire(db::After(kPatience));
  ASSERT_TRUE(sleeper.ok());
  db::Connection& connection = **sleeper;
  ASSERT_TRUE(connection.ExecScript("BEGIN").ok());
  ASSERT_TRUE(connection
                  .ExecVarying("WITH e AS (INSERT INTO pipeline.event (tenant_id, day, seq, event_id, partition, data)"
                               " SELECT tenant_id, day, nextval('pipeline.event_seq'), event_id, partition, data"
                               " FROM pipeline.event WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1"
                               " RETURNING partition, seq, day, tenant_id)"
                               " INSERT INTO pipeline.event_pending (partition, seq, day, tenant_id)"
                               " SELECT partition, seq, day, tenant_id FROM e",
                               db::Params::Of(tenant_))
                  .ok());
  std::vector<std::thread> writers;
  for (int w = 0; w < 40; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 5; ++i) {
        pipeline::v1::UpdateLeadRequest request;
        request.mutable_lead()->set_name(leads[static_cast<size_t>(w * 7 + i) % leads.size()]);
        request.mutable_lead()->set_pain(std::to_string(w) + "/" + std::to_string(i));
        admin_.Must<Lead>(request);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  // All the others come while it sleeps.
  const size_t others = Events().size();
  EXPECT_GE(others, before + 200);
  EXPECT_TRUE(Eventually([&] { return recorder.Seen(tenant_).size() >= others; }));
  EXPECT_EQ(recorder.Seen(tenant_).size(), others);
  ASSERT_TRUE(connection.ExecScript("COMMIT").ok());
  EXPECT_TRUE(Eventually([&] { return recorder.Seen(tenant_).size() > others; }));
  ExpectWhole(recorder.Seen(tenant_));
  // For each lead the events tell its changes in the order in which they were made.
  const auto of_leads = [&] {
    std::vector<Event> events = tail.events();
    std::erase_if(events, [](const Event& event) { return !event.data().has_lead(); });
    return events;
  };
  const size_t expected = leads.size() + 200 + 1;
  EXPECT_TRUE(Eventually([&] { return of_leads().size() >= expected; }));
  std::map<std::string, int> etags;
  std::set<std::string> ids;
  for (const Event& event : of_leads()) {
    if (!ids.insert(event.id()).second) continue;  // the sleeper's, a copy
    const int etag = std::stoi(event.data().lead().etag());
    EXPECT_GT(etag, etags[event.subject()]) << event.subject();
    etags[event.subject()] = etag;
  }
  EXPECT_EQ(ids.size(), expected - 1);
}

}  // namespace
}  // namespace embudo::testing
