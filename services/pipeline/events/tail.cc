#include <google/protobuf/unknown_field_set.h>

#include <optional>
#include <utility>

#include "common/base/error.h"
#include "common/event/event.h"
#include "common/filter/event_filter.h"
#include "services/pipeline/events/event_service.h"
#include "services/pipeline/events/stream_frame.h"

namespace embudo::pipeline::events {
namespace {

using type::v1::Event;
using type::v1::Lead;
using v1::TailRequest;
using v1::TailResponse;
using v1::TailStart;

constexpr std::chrono::seconds kQuery{10};
/// The pause when it can't be found out whether the caller may see an event.
constexpr std::chrono::milliseconds kRetry{500};
/// Leads of a snapshot that are read at once.
constexpr int kSnapshotPage = 500;
/// Places behind the end that make a subscriber one that does not keep up.
constexpr int64_t kFarBehind = 10000;

absl::Status InvalidStart(std::string_view why) { return InvalidField("start", why); }

/// One subscriber's stream: the client keeps the cursor.
class Tail final : public StreamFrame<TailRequest, TailResponse>, public std::enable_shared_from_this<Tail> {
 public:
  Tail(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) : StreamFrame(room, std::move(stream)) {}

  void OnDone() override {
    Done();
    room_.hub.Remove(this);
  }

  std::optional<Hub::Want> Wants() override {
    const std::lock_guard lock(mutex_);
    if (!CanSend() || !HasCredit() || std::chrono::steady_clock::now() < retry_) return std::nullopt;
    if (!place_.snapshot_after) return WantAll();
    if (!std::exchange(reading_snapshot_, true)) {
      room_.hub.Post([self = shared_from_this()] { self->SendSnapshotPage(); });
    }
    return std::nullopt;
  }

  void Take(const std::vector<LogItem>& items, bool caught_up) override {
    const std::lock_guard lock(mutex_);
    if (!CanSend() || place_.snapshot_after) return;
    const bool looks = LooksInside();
    TailResponse response;
    // The events go as the log has them; to the client they are the field `events`.
    google::protobuf::UnknownFieldSet* const out = TailResponse::GetReflection()->MutableUnknownFields(&response);
    int count = 0;
    size_t bytes = 0;
    bool all = true;
    for (const LogItem& item : items) {
      bool sent = item.event != nullptr;
      if (sent && looks) {
        const absl::StatusOr<bool> match = Matches(*item.event->parsed());
        if (!match.ok()) {
          // The database is away: it goes on here when it is back.
          retry_ = std::chrono::steady_clock::now() + kRetry;
          all = false;
          break;
        }
        sent = *match;
      }
      const size_t size = sent ? item.event->wire().size() : 0;
      if (sent && !Fits(count, bytes, size)) {
        all = false;
        break;
      }
      place_.positions[item.partition] = item.position;
      if (!sent) continue;
      *out->AddLengthDelimited(TailResponse::kEventsFieldNumber) = item.event->wire();
      ++count;
      bytes += size;
    }
    const bool reached_end = caught_up && all && !caught_up_;
    caught_up_ = caught_up && all;
    if (reached_end) {
      told_caught_up_ = true;
      response.mutable_caught_up();
    }
    if (count == 0 && !reached_end) return;
    Spend(count, bytes);
    Send(response);
  }

  bool EnterEpoch(const event::Epoch& epoch) override {
    const std::lock_guard lock(mutex_);
    if (finished_ || place_.positions.epoch().number + 1 != epoch.number) return false;
    place_.positions = Positions(epoch);
    return true;
  }

 protected:
  absl::Status Begin(const TailRequest& request) override {
    const TailStart& start = request.start();
    EMBUDO_ASSIGN_OR_RETURN(filter_,
                            filter::EventFilter::Compile(start.filter(), room_.leads.schema(), {}, "start.filter"));
    if (start.from_case() == TailStart::FROM_NOT_SET ||
        (start.has_position() && start.position() == TailStart::POSITION_UNSPECIFIED)) {
      return InvalidStart("needs a cursor, a position or a time; there is no default");
    }
    // Finding the place asks the database, which gRPC's threads must not wait for.
    room_.hub.Post([self = shared_from_this(), start] { self->Place(start); });
    room_.hub.Add(shared_from_this());
    return absl::OkStatus();
  }

  void Stamp(TailResponse& response) override { response.set_cursor(Resume()); }

  std::string Resume() override { return cursors_->Encode(tenant(), place_); }

  void FillHeartbeat(TailResponse::Heartbeat& heartbeat) override {
    heartbeat.set_backlog(room_.hub.Backlog(WantAll()));
    heartbeat.set_caught_up(caught_up_);
  }

  void OnTick() override {
    if (!told_caught_up_ || room_.hub.Backlog(WantAll()) < kFarBehind) return;
    told_caught_up_ = false;
    caught_up_ = false;
    TailResponse response;
    response.mutable_fell_behind()->set_backlog(room_.hub.Backlog(WantAll()));
    Send(response);
  }

 private:
  Hub::Want WantAll() const {
    const event::Epoch& epoch = place_.positions.epoch();
    Hub::Want want{tenant(), place_.positions, {}};
    for (int i = 0; i < epoch.partitions; ++i) want.partitions.push_back(epoch.first + i);
    return want;
  }

  void Place(const TailStart& start) {
    absl::StatusOr<events::Place> place = FindPlace(start);
    const auto floor = room_.places.FloorOf(tenant());
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!place.ok()) return End(place.status());
    place_ = *std::move(place);
    positioned_ = true;
    TailResponse response;
    response.mutable_started();
    if (floor.ok() && floor->earliest) {
      *response.mutable_started()->mutable_earliest_time() = ToTimestamp(*floor->earliest);
    }
    Send(response);
  }

  absl::StatusOr<events::Place> FindPlace(const TailStart& start) {
    EMBUDO_ASSIGN_OR_RETURN(cursors_, room_.Cursors());
    Start from;
    if (start.has_cursor()) from.cursor = start.cursor();
    if (start.has_time()) since_ = from.time = FromTimestamp(start.time());
    const bool snapshot = start.has_position() && start.position() == TailStart::POSITION_SNAPSHOT;
    const bool latest = start.has_position() && start.position() == TailStart::POSITION_LATEST;
    if (snapshot || latest) from.named = Start::Named::kLatest;
    EMBUDO_ASSIGN_OR_RETURN(events::Place place, Locate(room_.places, *cursors_, tenant(), from, "start.cursor"));
    // The places come first, so that what changes while the leads are read is told by an event.
    if (snapshot) place.snapshot_after.emplace();
    return place;
  }

  /// Whether an event's content decides if it is sent.
  bool LooksInside() const {
    const rpc::Identity& caller = call_.identity;
    const bool sees_all =
        caller.Has(type::v1::ROLE_MANAGER) || caller.Has(type::v1::ROLE_ADMIN) || caller.Has(type::v1::ROLE_SERVICE);
    return since_ || !filter_.empty() || !sees_all;
  }

  absl::StatusOr<bool> Matches(const Event& event) {
    // The place was found by the events' ids, whose times may be ahead of the events' own.
    if (since_ && FromTimestamp(event.time()) < *since_) return false;
    EMBUDO_ASSIGN_OR_RETURN(const EventRoom::Verdict verdict, room_.Judge(call_, filter_, event));
    return verdict == EventRoom::Verdict::kShown;
  }

  /// Whether a lead belongs to the snapshot: as the event of its creation would.
  bool InSnapshot(const Lead& lead) {
    Event event;
    event.set_type(event::TypeText(type::v1::EVENT_TYPE_LEAD_CREATED));
    event.set_subject(lead.name());
    event.set_tenant(tenant());
    *event.mutable_data()->mutable_lead() = lead;
    return filter_.Matches(event, room_.clock.Now()) && room_.may_see_lead(call_, lead);
  }

  void SendSnapshotPage() {
    Uuid after;
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      after = *place_.snapshot_after;
    }
    const absl::StatusOr<std::vector<Lead>> leads = ReadLeads(after);
    const std::lock_guard lock(mutex_);
    reading_snapshot_ = false;
    if (!CanSend()) return;  // drained meanwhile: the cursor leads back to this page
    if (!leads.ok()) return End(leads.status());
    TailResponse response;
    size_t bytes = 0;
    bool all = true;
    for (const Lead& lead : *leads) {
      const size_t size = InSnapshot(lead) ? lead.ByteSizeLong() : 0;
      if (size > 0 && !Fits(response.snapshot_size(), bytes, size)) {
        all = false;
        break;
      }
      place_.snapshot_after = Uuid::Parse(lead.name().substr(lead.name().find('/') + 1));
      if (size == 0) continue;
      *response.add_snapshot() = lead;
      bytes += size;
    }
    snapshot_count_ += response.snapshot_size();
    if (all && leads->size() < static_cast<size_t>(kSnapshotPage)) {
      place_.snapshot_after.reset();
      response.mutable_snapshot_end()->set_count(snapshot_count_);
    }
    Spend(response.snapshot_size(), bytes);
    Send(response);
  }

  absl::StatusOr<std::vector<Lead>> ReadLeads(const Uuid& after) {
    const resource::Table& table = room_.leads.table();
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(room_.hub.pool(), "", db::After(kQuery),
                 "SELECT " + table.SelectList("t") + " FROM " + table.name() +
                     " t WHERE t.tenant_id = $1 AND t.lead_id > $2::uuid AND t.delete_time IS NULL ORDER BY t.lead_id"
                     " LIMIT " +
                     std::to_string(kSnapshotPage),
                 db::Params::Of(tenant(), after.ToString())));
    std::vector<Lead> leads;
    for (int i = 0; i < rows.size(); ++i) {
      const resource::Record record = table.Read(rows[i]);
      leads.push_back(static_cast<const Lead&>(*record.message));
    }
    return leads;
  }

  std::shared_ptr<const CursorCodec> cursors_;
  filter::EventFilter filter_;
  events::Place place_;
  std::optional<Time> since_;  // what was made before is not sent
  bool caught_up_ = false;
  bool told_caught_up_ = false;
  bool reading_snapshot_ = false;
  std::chrono::steady_clock::time_point retry_{};
  int64_t snapshot_count_ = 0;
};

}  // namespace

std::shared_ptr<rpc::StreamHandler> MakeTail(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) {
  return std::make_shared<Tail>(room, std::move(stream));
}

}  // namespace embudo::pipeline::events
