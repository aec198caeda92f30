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
  MergedLog(db::Pool& pool, const rpc::CallContext& call, const Positions& from, const Positions& to)
      : pool_(pool), call_(call), positions_(from), to_(to) {}

  /// nullptr at the end.
  absl::StatusOr<const Event*> Peek() {
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

  void Pop(const Event& event) {
    std::deque<Event>& lane = lanes_[event.partition()];
    positions_[event.partition()] = event.position();
    lane.pop_front();
  }

  const Positions& positions() const { return positions_; }

 private:
  absl::Status Fill(int partition) {
    if (positions_[partition] >= to_[partition]) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", call_.deadline));
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            lease->Exec(kReadOwn, db::Params::Of(call_.tenant(), partition, positions_[partition],
                                                                 to_[partition], kChunk)));
    for (int i = 0; i < rows.size(); ++i) {
      event::ParseStored(rows[i].Bytes(1), partition, rows[i].Int(0), &lanes_[partition].emplace_back());
    }
    if (lanes_[partition].empty()) positions_[partition] = to_[partition];
    return absl::OkStatus();
  }

  db::Pool& pool_;
  const rpc::CallContext& call_;
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
  MergedLog log(room.hub.pool(), call, place.positions, end);
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
