#include <google/protobuf/util/json_util.h>

#include <deque>
#include <mutex>
#include <utility>

#include "common/base/error.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "services/pipeline/events/privacy_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::events {
namespace {

using google::protobuf::Message;
using v1::ExportPersonRequest;
using v1::ExportPersonResponse;

constexpr std::chrono::seconds kQuery{30};

absl::StatusOr<ExportPersonResponse> ResponseOf(const Message& record) {
  ExportPersonResponse response;
  response.set_resource_type(record.GetDescriptor()->name());
  if (!google::protobuf::util::MessageToJsonString(record, response.mutable_json()).ok()) {
    return Internal("a record without a JSON form");
  }
  return response;
}

/// One export: reads a kind of record at a time, on the hub's thread for the database.
class Export final : public rpc::StreamHandler, public std::enable_shared_from_this<Export> {
 public:
  Export(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) : room_(room), stream_(std::move(stream)) {}

  void OnMessage(const Message& message) override {
    const auto& request = static_cast<const ExportPersonRequest&>(message);
    const auto query = QueryOf(request.contact(), request.email());
    if (!query.ok()) return stream_->Finish(query.status());
    room_.hub.Post([self = shared_from_this(), query = *query] { self->Begin(query); });
  }
  void OnReadsDone() override {}
  void OnWritable() override { Next(); }
  void OnDone() override {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }

 private:
  void Begin(const PersonQuery& query) {
    const absl::Status found = db::RunInTx(
        room_.pool, stream_->context().tenant(), db::After(kQuery), [&](db::Connection& connection) -> absl::Status {
          EMBUDO_ASSIGN_OR_RETURN(
              person_, storage::FindPerson(connection, stream_->context().tenant(), query.contact, query.email));
          return absl::OkStatus();
        });
    if (!found.ok()) return stream_->Finish(found);
    if (person_.empty()) {
      return stream_->Finish(
          NotFound("embudo.dev/Contact", query.email.empty() ? "contacts/" + query.contact : query.email));
    }
    Next();
  }

  /// Sends the next record, reading more when all that was read is sent.
  void Next() {
    std::unique_lock lock(mutex_);
    if (over_) return;
    if (!ready_.empty()) {
      const ExportPersonResponse response = std::move(ready_.front());
      ready_.pop_front();
      lock.unlock();
      return stream_->Write(response);
    }
    lock.unlock();
    room_.hub.Post([self = shared_from_this()] {
      const absl::StatusOr<bool> more = self->Read();
      if (!more.ok()) return self->stream_->Finish(more.status());
      if (!*more) return self->stream_->Finish(absl::OkStatus());
      self->Next();
    });
  }

  /// Reads the next kind that there is something of; false: there is no more.
  absl::StatusOr<bool> Read() {
    static const auto& kinds = *new std::vector<std::pair<const resource::Table*, const char*>>{
        {&storage::ContactTable(), "contact_id"}, {&storage::LeadTable(), "lead_id"},
        {&storage::MessageTable(), "lead_id"},    {&storage::ActivityTable(), "lead_id"},
        {&storage::AttachmentTable(), "lead_id"}, {&storage::ApprovalTable(), "lead_id"},
        {&storage::QuoteTable(), "lead_id"},      {&storage::OrderTable(), "lead_id"}};
    std::deque<ExportPersonResponse> ready;
    while (ready.empty() && kind_ <= kinds.size()) {
      if (kind_ == kinds.size()) {
        EMBUDO_RETURN_IF_ERROR(ReadHistory(ready));
      } else {
        const auto& [table, column] = kinds[kind_];
        EMBUDO_RETURN_IF_ERROR(ReadTable(*table, column, ready));
      }
      ++kind_;
    }
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
    return !ready_.empty();
  }

  absl::Status ReadTable(const resource::Table& table, const std::string& column,
                         std::deque<ExportPersonResponse>& ready) {
    const std::string& tenant = stream_->context().tenant();
    EMBUDO_ASSIGN_OR_RETURN(
        const db::Result rows,
        db::Exec(room_.pool, tenant, db::After(kQuery),
                 "SELECT " + table.SelectList("t") + " FROM " + table.name() + " t WHERE t.tenant_id = $1 AND t." +
                     column + " = ANY($2::uuid[]) ORDER BY t.create_time",
                 db::Params::Of(tenant, column == "contact_id" ? person_.contacts : person_.leads)));
    for (int i = 0; i < rows.size(); ++i) {
      EMBUDO_ASSIGN_OR_RETURN(ExportPersonResponse response, ResponseOf(*table.Read(rows[i]).message));
      ready.push_back(std::move(response));
    }
    return absl::OkStatus();
  }

  absl::Status ReadHistory(std::deque<ExportPersonResponse>& ready) {
    const std::string& tenant = stream_->context().tenant();
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(room_.pool, tenant, db::After(kQuery),
                                     "SELECT data FROM pipeline.lead_history WHERE tenant_id = $1 AND lead_id ="
                                     " ANY($2::uuid[]) ORDER BY lead_id, seq",
                                     db::Params::Of(tenant, person_.leads)));
    for (int i = 0; i < rows.size(); ++i) {
      type::v1::Event event;
      event.ParseFromString(rows[i].Bytes(0));
      EMBUDO_ASSIGN_OR_RETURN(ExportPersonResponse response, ResponseOf(event));
      ready.push_back(std::move(response));
    }
    return absl::OkStatus();
  }

  const EventRoom& room_;
  const std::shared_ptr<rpc::BidiStream> stream_;
  storage::PersonRecords person_;  // set before the first Next
  size_t kind_ = 0;                // on the hub's thread
  std::mutex mutex_;
  std::deque<ExportPersonResponse> ready_;
  bool over_ = false;
};

}  // namespace

std::shared_ptr<rpc::StreamHandler> MakeExport(const EventRoom& room, std::shared_ptr<rpc::BidiStream> stream) {
  return std::make_shared<Export>(room, std::move(stream));
}

}  // namespace embudo::pipeline::events
