#include "services/pipeline/events/event_service.h"

#include <utility>

#include "common/base/error.h"

namespace embudo::pipeline::events {

namespace {

/// How long it may take to find out whether a reader may see an event.
constexpr std::chrono::seconds kSight{10};

}  // namespace

absl::StatusOr<std::shared_ptr<const CursorCodec>> EventRoom::Cursors() const {
  std::shared_ptr<const CursorCodec> codec = cursors();
  if (codec == nullptr) return Error(absl::StatusCode::kUnavailable, "STARTING", "the service is starting").ToStatus();
  return codec;
}

absl::StatusOr<EventRoom::Verdict> EventRoom::Judge(const rpc::CallContext& caller, const filter::EventFilter& filter,
                                                    const type::v1::Event& event) const {
  if (event.tenant() != caller.tenant() || !filter.Matches(event, clock.Now())) return Verdict::kOther;
  rpc::CallContext call = caller;
  // A stream outlives the deadlines of what it asks.
  call.deadline = db::After(kSight);
  EMBUDO_ASSIGN_OR_RETURN(const bool seen, may_see(call, event));
  return seen ? Verdict::kShown : Verdict::kHidden;
}

std::unique_ptr<rpc::Service> MakeEventService(const EventRoom& room) {
  auto service = std::make_unique<rpc::Service>(v1::TailRequest::descriptor()->file()->service(0));
  service->Bidi("Tail", [&room](std::shared_ptr<rpc::BidiStream> stream) { return MakeTail(room, std::move(stream)); });
  service->Bidi("Consume",
                [&room](std::shared_ptr<rpc::BidiStream> stream) { return MakeConsume(room, std::move(stream)); });
  service->Unary<v1::ListEventsRequest, v1::ListEventsResponse>(
      "ListEvents", [&room](const rpc::CallContext& call, const v1::ListEventsRequest& request) {
        return ListEvents(room, call, request);
      });
  service->Unary<v1::ListEventTypesRequest, v1::ListEventTypesResponse>(
      "ListEventTypes", [](const rpc::CallContext&, const v1::ListEventTypesRequest&) { return ListEventTypes(); });
  return service;
}

}  // namespace embudo::pipeline::events
