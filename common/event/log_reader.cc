#include "common/event/log_reader.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/log/log.h"

namespace embudo::event {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBlock{500};
constexpr milliseconds kRedisTimeout{2500};
constexpr milliseconds kReconnect{1000};
constexpr milliseconds kPollWithoutRedis{50};

constexpr char kReadTable[] =
    "SELECT partition, position, data FROM pipeline.event_log"
    " WHERE partition = $1::smallint AND position > $2 ORDER BY position LIMIT $3::int";

int64_t PositionOf(std::string_view id) { return std::strtoll(std::string(id).c_str(), nullptr, 10); }

}  // namespace

absl::StatusOr<std::vector<Stored>> LogReader::Read(db::Connection& connection, const std::map<int, int64_t>& positions,
                                                    int limit) {
  EMBUDO_ASSIGN_OR_RETURN(const Epochs* const epochs, epochs_.Get(connection));
  const Epoch& epoch = EpochOfPartition(*epochs, positions.begin()->first);
  if (!epoch.open()) return ReadClosed(connection, epoch, positions, limit);
  const auto now = std::chrono::steady_clock::now();
  if (redis_ == nullptr && now >= next_connect_) {
    auto opened = redis::Connection::Open(redis_address_, kRedisTimeout);
    if (opened.ok()) redis_ = *std::move(opened);
    next_connect_ = now + kReconnect;
  }
  if (redis_ != nullptr) {
    auto batch = ReadRedis(connection, epoch, positions, limit);
    if (batch.ok() || ReasonOf(batch.status()) != "REDIS_UNAVAILABLE") return batch;
    redis_.reset();
    log::Warning("event log: Redis is away, reading from PostgreSQL", {{"reader", name_}});
  }
  std::vector<Stored> batch;
  for (const auto& [partition, position] : positions) {
    const int left = limit - static_cast<int>(batch.size());
    if (left > 0) EMBUDO_RETURN_IF_ERROR(ReadTable(connection, partition, position, left, &batch));
  }
  if (batch.empty()) std::this_thread::sleep_for(kPollWithoutRedis);
  return batch;
}

absl::StatusOr<std::vector<Stored>> LogReader::ReadClosed(db::Connection& connection, const Epoch& epoch,
                                                          const std::map<int, int64_t>& positions, int limit) {
  std::vector<Stored> batch;
  for (const auto& [partition, position] : positions) {
    const int left = limit - static_cast<int>(batch.size());
    if (left <= 0 || position >= epoch.EndOf(partition)) continue;
    const size_t before = batch.size();
    EMBUDO_RETURN_IF_ERROR(ReadTable(connection, partition, position, left, &batch));
    const bool rest = batch.size() - before < static_cast<size_t>(left);
    const int64_t last = batch.size() > before ? batch.back().position : position;
    // What is missing at the end is kept no longer.
    if (rest && last < epoch.EndOf(partition)) batch.push_back({partition, epoch.EndOf(partition), ""});
  }
  if (batch.empty()) std::this_thread::sleep_for(kPollWithoutRedis);
  return batch;
}

absl::StatusOr<std::vector<Stored>> LogReader::ReadRedis(db::Connection& connection, const Epoch& epoch,
                                                         const std::map<int, int64_t>& positions, int limit) {
  const std::string count = std::to_string(std::max<int>(1, limit / static_cast<int>(positions.size())));
  const std::string block = std::to_string(kBlock.count());
  std::vector<std::string> keys;
  std::vector<std::string> ids;
  std::map<std::string, int, std::less<>> partition_of;
  for (const auto& [partition, position] : positions) {
    keys.push_back(epoch.StreamKey(partition));
    ids.push_back(std::to_string(position) + "-0");
    partition_of[keys.back()] = partition;
  }
  redis::Connection::Args args = {"XREAD", "COUNT", count, "BLOCK", block, "STREAMS"};
  args.insert(args.end(), keys.begin(), keys.end());
  args.insert(args.end(), ids.begin(), ids.end());
  EMBUDO_ASSIGN_OR_RETURN(const redis::Reply reply, redis_->Command(args));

  std::vector<Stored> batch;
  for (size_t s = 0; s < reply.size(); ++s) {
    const int partition = partition_of.find(reply[s][0].text())->second;
    const redis::Reply entries = reply[s][1];
    int64_t next = positions.at(partition) + 1;
    for (size_t i = 0; i < entries.size(); ++i) {
      const int64_t position = PositionOf(entries[i][0].text());
      if (position != next) {
        // Redis lost something: the rest of this partition comes from the log.
        const size_t before = batch.size();
        EMBUDO_RETURN_IF_ERROR(ReadTable(connection, partition, next - 1, limit, &batch));
        if (batch.size() > before || i > 0) break;
        // The log no longer has it either (retention): go on with the oldest that there is.
        log::Error("event log: events are gone",
                   {{"reader", name_}, {"partition", partition}, {"from", next}, {"to", position - 1}});
      }
      next = position + 1;
      batch.push_back({partition, position, std::string(entries[i][1][1].text())});
    }
  }
  return batch;
}

absl::Status LogReader::ReadTable(db::Connection& connection, int partition, int64_t after, int limit,
                                  std::vector<Stored>* out) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kReadTable, db::Params::Of(partition, after, limit)));
  for (int i = 0; i < rows.size(); ++i) {
    out->push_back({static_cast<int>(rows[i].Int(0)), rows[i].Int(1), rows[i].Bytes(2)});
  }
  return absl::OkStatus();
}

}  // namespace embudo::event
