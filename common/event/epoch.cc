#include "common/event/epoch.h"

#include <cstdlib>

#include "common/base/error.h"

namespace embudo::event {
namespace {

constexpr char kEpochs[] =
    "SELECT epoch, first_partition, partition_count, ends FROM pipeline.event_epoch ORDER BY epoch";

}  // namespace

std::string Epoch::StreamKey(int partition) const {
  return "embudo:events:" + std::to_string(number) + ":" + std::to_string(partition - first);
}

absl::StatusOr<Epochs> ReadEpochs(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kEpochs));
  if (rows.empty()) return Internal("the log has no epoch");
  Epochs epochs;
  for (int i = 0; i < rows.size(); ++i) {
    Epoch& epoch = epochs.emplace_back();
    epoch.number = static_cast<int>(rows[i].Int(0));
    epoch.first = static_cast<int>(rows[i].Int(1));
    epoch.partitions = static_cast<int>(rows[i].Int(2));
    for (const std::string& end : rows[i].TextArray(3)) epoch.ends.push_back(std::strtoll(end.c_str(), nullptr, 10));
  }
  return epochs;
}

const Epoch& EpochOfPartition(const Epochs& epochs, int partition) {
  for (const Epoch& epoch : epochs) {
    if (epoch.Contains(partition)) return epoch;
  }
  return epochs.back();
}

const Epoch* FindEpoch(const Epochs& epochs, int number) {
  for (const Epoch& epoch : epochs) {
    if (epoch.number == number) return &epoch;
  }
  return nullptr;
}

absl::StatusOr<const Epochs*> EpochCache::Get(db::Connection& connection) {
  const auto now = std::chrono::steady_clock::now();
  if (epochs_.empty() || now - read_ >= kEpochsAge) {
    EMBUDO_ASSIGN_OR_RETURN(epochs_, ReadEpochs(connection));
    read_ = now;
  }
  return &epochs_;
}

}  // namespace embudo::event
