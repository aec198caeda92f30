#include "services/pipeline/events/page.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/db/binary_rows.h"

namespace embudo::pipeline::events {
namespace {

constexpr int kMostPlaces = 8192;
constexpr int kLeastPlaces = 64;
/// What a page is to weigh.
constexpr size_t kPageBytes = 4 << 20;
/// A range is read as a whole where one in so many of its numbers is wanted: a look-up costs as much as that.
constexpr int64_t kSparse = 5;

constexpr char kPlaces[] =
    "SELECT p.partition, p.position, p.day, p.seq, p.tenant_id = $4"
    " FROM unnest($1::int[], $2::bigint[]) AS w(partition, after) CROSS JOIN LATERAL"
    " (SELECT * FROM pipeline.event_position q WHERE q.partition = w.partition AND q.position > w.after"
    " ORDER BY q.position LIMIT $3::int) p";

// The day is what the partitions of the table are chosen by before it is read.
constexpr char kRange[] =
    "SELECT e.seq, e.data FROM pipeline.event e WHERE e.tenant_id = $1 AND e.day = date '2000-01-01' + $2::int"
    " AND e.seq BETWEEN $3 AND $4 AND ($5::smallint[] IS NULL OR e.partition = ANY($5::smallint[]))";

constexpr char kEach[] =
    "SELECT e.seq, e.data FROM pipeline.event e WHERE e.tenant_id = $1 AND e.day = date '2000-01-01' + $2::int"
    " AND e.seq = ANY($3::bigint[])";

}  // namespace

Page::Page(const Want& from, std::vector<LogItem> items) : items_(std::move(items)), at_(from), end_(from) {
  for (const LogItem& item : items_) {
    end_.after[item.partition] = item.position;
    if (item.event != nullptr) bytes_ += item.event->wire().size();
  }
}

bool Page::Advance(const Want& want) {
  if (want.after.epoch().number != at_.after.epoch().number || want.partitions != at_.partitions) return false;
  for (; next_ < items_.size() && items_[next_].position <= want.after[items_[next_].partition]; ++next_) {
    at_.after[items_[next_].partition] = items_[next_].position;
  }
  return std::all_of(want.partitions.begin(), want.partitions.end(),
                     [&](int partition) { return want.after[partition] == at_.after[partition]; });
}

std::vector<LogItem> Page::Next(const Portion& most) const {
  std::vector<LogItem> items;
  size_t bytes = 0;
  for (size_t i = next_; i < items_.size() && items.size() < most.items && bytes < most.bytes; ++i) {
    if (items_[i].event != nullptr) bytes += items_[i].event->wire().size();
    items.push_back(items_[i]);
  }
  return items;
}

absl::StatusOr<Page> PageReader::Read(const Want& want, const std::map<int, int64_t>& ends) {
  if (connection_ == nullptr) {
    EMBUDO_ASSIGN_OR_RETURN(connection_, db::Connection::Open(postgres_));
    // Places and data are read along their keys; a plan for all values knows too little to see that.
    EMBUDO_RETURN_IF_ERROR(
        connection_->ExecScript("SET enable_seqscan = off; SET enable_bitmapscan = off;"
                                " SET max_parallel_workers_per_gather = 0; SET statement_timeout = '30s'"));
  }
  absl::StatusOr<Page> page = ReadOn(*connection_, want, ends);
  if (!page.ok() && connection_->broken()) connection_.reset();
  return page;
}

absl::StatusOr<Page> PageReader::ReadOn(db::Connection& connection, const Want& want,
                                        const std::map<int, int64_t>& ends) {
  std::vector<int> rest;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Entry> entries, ReadPlaces(connection, want, ends, &rest));
  std::vector<LogItem> items;
  items.reserve(entries.size());
  for (const Entry& entry : entries) items.push_back({entry.partition, entry.position, nullptr});
  EMBUDO_RETURN_IF_ERROR(ReadData(connection, want, entries, &items));
  // Up to here there is nothing more, be it that it is kept no longer.
  for (const int partition : rest) items.push_back({partition, ends.at(partition), nullptr});
  std::vector<LogItem> merged;
  merged.reserve(items.size());
  for (LogItem& item : items) AddItem(&merged, std::move(item));
  Page page(want, std::move(merged));
  if (!entries.empty()) {
    const size_t each = page.bytes() / entries.size() + 1;
    places_ = static_cast<int>(std::clamp<size_t>(kPageBytes / each, kLeastPlaces, kMostPlaces));
  }
  return page;
}

absl::StatusOr<std::vector<PageReader::Entry>> PageReader::ReadPlaces(db::Connection& connection, const Want& want,
                                                                      const std::map<int, int64_t>& ends,
                                                                      std::vector<int>* rest) {
  std::vector<std::string> partitions;
  std::vector<std::string> after;
  for (const int partition : want.partitions) {
    const auto end = ends.find(partition);
    if (end == ends.end() || end->second <= want.after[partition]) continue;
    partitions.push_back(std::to_string(partition));
    after.push_back(std::to_string(want.after[partition]));
    rest->push_back(partition);
  }
  std::vector<Entry> entries;
  if (partitions.empty()) return entries;
  const int limit = std::max(16, places_ / static_cast<int>(partitions.size()));
  EMBUDO_ASSIGN_OR_RETURN(const db::BinaryRows rows,
                          db::ExecBinary(connection, kPlaces, db::Params::Of(partitions, after, limit, want.tenant)));
  std::map<int, int> counts;
  std::map<int, int64_t> highest;
  std::map<int, int64_t> lasts;
  for (int i = 0; i < rows.size(); ++i) {
    Entry entry{
        static_cast<int>(rows.Int(i, 0)), rows.Int(i, 1), rows.Int(i, 2), rows.Int(i, 3), 0, rows.Int(i, 4) != 0};
    int64_t& top = highest[entry.partition];
    entry.order = top = std::max(top, entry.seq);
    ++counts[entry.partition];
    lasts[entry.partition] = entry.position;
    entries.push_back(entry);
  }
  // Where one partition goes on beyond its limit, the others wait for it.
  std::optional<int64_t> up_to;
  for (const auto& [partition, count] : counts) {
    if (count == limit) up_to = std::min(up_to.value_or(highest[partition]), highest[partition]);
  }
  std::erase_if(*rest, [&](int partition) { return up_to || lasts[partition] >= ends.at(partition); });
  if (up_to) std::erase_if(entries, [&](const Entry& entry) { return entry.order > *up_to; });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.order < b.order; });
  return entries;
}

absl::Status PageReader::ReadData(db::Connection& connection, const Want& want, const std::vector<Entry>& entries,
                                  std::vector<LogItem>* items) {
  /// By day: where in `entries` the events with these seqs are.
  std::map<int64_t, std::vector<std::pair<int64_t, size_t>>> days;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].own) days[entries[i].day].emplace_back(entries[i].seq, i);
  }
  const bool all = static_cast<int>(want.partitions.size()) == want.after.epoch().partitions;
  std::vector<std::string> partitions;
  for (const int partition : want.partitions) partitions.push_back(std::to_string(partition));
  for (auto& [day, wanted] : days) {
    std::sort(wanted.begin(), wanted.end());
    const int64_t first = wanted.front().first;
    const int64_t last = wanted.back().first;
    db::Params params = db::Params::Of(want.tenant, day);
    const bool range = (last - first) / kSparse <= static_cast<int64_t>(wanted.size());
    if (range) {
      params.Add(first).Add(last).Add(all ? std::nullopt : std::optional(partitions));
    } else {
      std::vector<std::string> seqs;
      for (const auto& [seq, index] : wanted) seqs.push_back(std::to_string(seq));
      params.Add(seqs);
    }
    EMBUDO_ASSIGN_OR_RETURN(const db::BinaryRows rows, db::ExecBinary(connection, range ? kRange : kEach, params));
    for (int i = 0; i < rows.size(); ++i) {
      const auto found = std::lower_bound(wanted.begin(), wanted.end(), std::pair(rows.Int(i, 0), size_t{0}));
      if (found == wanted.end() || found->first != rows.Int(i, 0)) continue;
      const Entry& entry = entries[found->second];
      (*items)[found->second].event = std::make_shared<LogEvent>(entry.partition, entry.position, rows.Bytes(i, 1));
    }
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::events
