#include "services/pipeline/events/table_statistics.h"

#include <utility>

#include "common/base/error.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::seconds kInterval{2};
constexpr int kMostAtOnce = 20;
/// A sample of a table that was restored with all its rows is read in seconds.
constexpr std::chrono::minutes kStatement{5};

}  // namespace

TableStatistics::TableStatistics(std::string postgres)
    : Chore("table statistics", kInterval, [this] { return RunOnce(); }), pool_(std::move(postgres), 1) {}

TableStatistics::~TableStatistics() { Stop(); }

absl::Status TableStatistics::RunOnce() {
  for (int looked_at = 0; looked_at < kMostAtOnce; ++looked_at) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result table,
                            db::Exec(pool_, "", db::After(kStatement), "SELECT pipeline.analyze_new_table()", {}));
    if (table[0].IsNull(0)) break;
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::events
