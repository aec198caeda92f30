#include <deque>
#include <map>
#include <vector>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/event/limits.h"
#include "common/filter/event_filter.h"
#include "common/resource/page.h"
#include "services/pipeline/events/event_service.h"

namespace embudo::pipeline::events {
namespace {

using type::v1::Event;

/// Events that are looked at for one page: few may match the filter.
constexpr int kMostExamined = 20000;
constexpr int kChunk = 200;

/// The tenant's own events: what others wrote meanwhile is not walked through.
constexpr char kReadOwn[] =
    "SELECT p.position, e.data FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq)"
    " WHERE p.tenant_id = $1 AND p.partition = $2::smallint AND p.position > $3 AND p.position <= $4"
    " ORDER BY p.position LIMIT $5::int";

/// Reads all partitions side by side, in order of time as far as the order in each partition allows.
class MergedLog {
 public:
  MergedLog(db::Pool& pool, const rpc::CallContext& call, event::Epochs epochs, const Positions& from,
            const Positions& to)
      : pool_(pool), call_(call), epochs_(std::move(epochs)), positions_(from), to_(to) {}

  /// nullptr at the end.
  absl::StatusOr<const Event*> Peek() {
    while (true) {
      EMBUDO_ASSIGN_OR_RETURN(const Event* first, PeekInEpoch());
      if (first != nullptr || positions_.epoch().number >= to_.epoch().number) return first;
      const event::Epoch* const next = event::FindEpoch(epochs_, positions_.epoch().number + 1);
      if (next == nullptr) return nullptr;
      positions_ = Positions(*next);
    }
  }

  void Pop(const Event& event) {
    std::deque<Event>& lane = lanes_[event.partition()];
    positions_[event.partition()] = event.position();
    lane.pop_front();
  }

  const Positions& positions() const { return positions_; }

 private:
  absl::StatusOr<const Event*> PeekInEpoch() {
    const Event* first = nullptr;
    const event::Epoch& epoch = positions_.epoch();
    for (int partition = epoch.first; partition < epoch.first + epoch.partitions; ++partition) {
      std::deque<Event>& lane = lanes_[partition];
      if (lane.empty()) EMBUDO_RETURN_IF_ERROR(Fill(partition));
      if (lane.empty()) continue;
      const Event& event = lane.front();
      if (first == nullptr || FromTimestamp(event.time()) < FromTimestamp(first->time())) first = &event;
    }
    return first;
  }

  /// Where reading ends in a partition.
  int64_t EndOf(int partition) const {
    const event::Epoch& epoch = positions_.epoch();
    return epoch.number == to_.epoch().number ? to_[partition]
                                              : event::FindEpoch(epochs_, epoch.number)->EndOf(partition);
  }

  absl::Status Fill(int partition) {
    const int64_t end = EndOf(partition);
    if (positions_[partition] >= end) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", call_.deadline));
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        lease->Exec(kReadOwn, db::Params::Of(call_.tenant(), partition, positions_[partition], end, kChunk)));
    for (int i = 0; i < rows.size(); ++i) {
      event::ParseStored(rows[i].Bytes(1), partition, rows[i].Int(0), &lanes_[partition].emplace_back());
    }
    if (lanes_[partition].empty()) positions_[partition] = end;
    return absl::OkStatus();
  }

  db::Pool& pool_;
  const rpc::CallContext& call_;
  const event::Epochs epochs_;
  Positions positions_;
  const Positions to_;
  std::map<int, std::deque<Event>> lanes_;
};

absl::StatusOr<Place> PlaceOf(const EventRoom& room, const CursorCodec& cursors, const rpc::CallContext& call,
                              const v1::ListEventsRequest& request) {
  Start start;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> values,
                            resource::ReadPageToken(request.page_token(), resource::QueryHash(call, request), 1));
    start.cursor = values[0];
    return Locate(room.places, cursors, call.tenant(), start, "page_token");
  }
  if (request.has_cursor()) start.cursor = request.cursor();
  if (request.has_time()) start.time = FromTimestamp(request.time());
  return Locate(room.places, cursors, call.tenant(), start, "cursor");
}

}  // namespace

absl::StatusOr<v1::ListEventsResponse> ListEvents(const EventRoom& room, const rpc::CallContext& call,
                                                  const v1::ListEventsRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const filter::EventFilter filter,
                          filter::EventFilter::Compile(request.filter(), room.leads.schema()));
  EMBUDO_ASSIGN_OR_RETURN(const auto cursors, room.Cursors());
  EMBUDO_ASSIGN_OR_RETURN(const Place place, PlaceOf(room, *cursors, call, request));
  if (place.snapshot_after) return InvalidField("cursor", "is of a snapshot that has not ended");
  EMBUDO_ASSIGN_OR_RETURN(const Positions end, room.places.Latest());
  // Read after the end, so that all epochs before it are known as closed ones.
  EMBUDO_ASSIGN_OR_RETURN(event::Epochs epochs, room.places.Epochs());
  MergedLog log(room.hub.pool(), call, std::move(epochs), place.positions, end);
  v1::ListEventsResponse response;
  const int size = resource::PageSize(request);
  size_t bytes = 0;
  bool more = false;
  for (int examined = 0;; ++examined) {
    EMBUDO_ASSIGN_OR_RETURN(const Event* event, log.Peek());
    if (event == nullptr) break;
    bool shown = !request.has_time() || FromTimestamp(event->time()) >= FromTimestamp(request.time());
    if (shown) {
      EMBUDO_ASSIGN_OR_RETURN(const EventRoom::Verdict verdict, room.Judge(call, filter, *event));
      shown = verdict == EventRoom::Verdict::kShown;
    }
    const size_t event_bytes = shown ? event->ByteSizeLong() : 0;
    more = examined == kMostExamined || response.events_size() == size ||
           (shown && response.events_size() > 0 && bytes + event_bytes > event::kLargestEvents);
    if (more) break;
    if (shown) *response.add_events() = *event;
    bytes += event_bytes;
    log.Pop(*event);
  }
  response.set_cursor(cursors->Encode(call.tenant(), {log.positions(), std::nullopt}));
  if (more) {
    response.set_next_page_token(resource::MakePageToken(resource::QueryHash(call, request), {response.cursor()}));
  }
  return response;
}

}  // namespace embudo::pipeline::events
