#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "common/resource/table.h"
#include "common/resource/writer.h"
#include "common/rpc/service.h"

namespace embudo::resource {

/// What is written in the same transaction as a record's change.
struct Effects {
  /// The event that tells the change.
  type::v1::EventType event = type::v1::EVENT_TYPE_UNSPECIFIED;
  /// Changes of other records, before it: those that it will refer to.
  std::vector<Change> first;
  /// Changes of other records, after it.
  std::vector<Change> also;
  Writer::InTransaction statements;
  /// The record is prepared already, by a method that knows what Rules::prepare can't see yet.
  bool prepared = false;
  /// The event is told even if no field of the record differs.
  bool always = false;
};

/// What one resource does beyond the standard methods.
struct Rules {
  /// Events of its changes; EVENT_TYPE_UNSPECIFIED where it is not part of the log.
  type::v1::EventType created = type::v1::EVENT_TYPE_UNSPECIFIED;
  type::v1::EventType updated = type::v1::EVENT_TYPE_UNSPECIFIED;
  type::v1::EventType deleted = type::v1::EVENT_TYPE_UNSPECIFIED;
  /// Normalises the record, fills what the service derives, and checks its invariants. `before` is nullptr on creation.
  /// Errors name fields as in the request (`lead.email`).
  std::function<absl::Status(const rpc::CallContext&, google::protobuf::Message& after,
                             const google::protobuf::Message* before)>
      prepare;
  /// Adds what is written with a change, whichever method makes it; called once the record is prepared, and not if
  /// nothing changed. May run several times. `before` is nullptr on creation.
  std::function<absl::Status(const rpc::CallContext&, const google::protobuf::Message& after,
                             const google::protobuf::Message* before, Effects& effects)>
      effects;
  /// Completes a new record that is about to be written by Create, which one that is only validated is not: numbers.
  std::function<absl::Status(const rpc::CallContext&, google::protobuf::Message&)> inserting;
  /// Whether the caller may see the record; those that it may not do not exist for it.
  std::function<bool(const rpc::CallContext&, const google::protobuf::Message&)> visible;
  /// The same as SQL over the table as `t`, for lists; empty: the caller sees all. Adds its parameters.
  std::function<absl::StatusOr<std::string>(const rpc::CallContext&, db::Params&)> visible_sql;
  /// Whether the caller, who sees the record, may change it: OK, or PERMISSION_DENIED.
  std::function<absl::Status(const rpc::CallContext&, const google::protobuf::Message&)> writable;
  /// Fills the fields that the option `rules.derived` marks, in what is about to be answered.
  std::function<void(const rpc::CallContext&, google::protobuf::Message&)> derive;
  /// The fields that `derive` looks at.
  std::vector<std::string> derived_from;
  /// The name that a record, or one under it, has now, where its parent was taken in by another; empty: no other.
  std::function<absl::StatusOr<std::string>(const rpc::CallContext&, const std::string& name)> moved;
  /// Other records that may refer to one of these: it can't be deleted while there is one.
  struct ReferencedBy {
    std::string table;                 ///< `pipeline.lead`
    std::vector<std::string> columns;  ///< that hold this resource's ids, in the order of its name
    std::string what;                  ///< `leads`, for the message
    bool set = false;                  ///< the last column is an array of ids
  };
  std::vector<ReferencedBy> referenced_by;
  /// Order of List where the request gives none, such as `create_time desc`; empty: by name.
  std::string default_order;
  /// The key that its events are in order by; empty: the record's own id.
  std::function<std::string(const google::protobuf::Message&)> partition_key;
  /// Fields of which the columns hold lower-case text, so that filters fold what they compare with.
  std::vector<std::string> case_insensitive;
};

/// The standard methods (AIP-131 to 135) of one resource, and the frame that its custom methods stand in: paging,
/// filters, masks, etags, request_id, validate_only, soft delete, events. Everything is read from the descriptors of
/// the requests, so one mechanism serves every resource of every service. Thread-safe.
class Resource {
 public:
  Resource(const Table& table, Rules rules, db::Pool& pool, Writer& writer, const Clock& clock);

  const Table& table() const { return table_; }
  const filter::Schema& schema() const { return schema_; }
  const Rules& rules() const { return rules_; }
  /// Looks names of referenced records up while a filter is compiled.
  void SetResolver(std::function<filter::Resolver(const rpc::CallContext&)> resolver) {
    resolver_ = std::move(resolver);
  }

  /// Registers those of Get, List, Create, Update and Delete that the service has for this resource and that have no
  /// handler yet.
  void Bind(rpc::Service& service);

  /// The record, or NOT_FOUND: also for a deleted one, and for one that the caller may not see.
  absl::StatusOr<Record> Load(const rpc::CallContext& call, const std::string& name, bool deleted_too = false) const;
  /// The record of that very name, also if it is deleted or was merged into another.
  absl::StatusOr<Record> LoadAsIs(const rpc::CallContext& call, const std::string& name) const;
  /// A filter over these records, which may ask for fields of those that they refer to.
  absl::StatusOr<filter::Filter> CompileFilter(const rpc::CallContext& call, const std::string& text) const;
  /// What List asks of the database; for tests that EXPLAIN it. The last `keys` columns are those of the page token.
  struct ListQuery {
    std::string sql;
    db::Params params;
    size_t keys = 0;
  };
  absl::StatusOr<ListQuery> QueryOf(const rpc::CallContext& call, const google::protobuf::Message& request,
                                    const std::string& parent) const;

  absl::Status Get(const rpc::CallContext& call, const google::protobuf::Message& request,
                   google::protobuf::Message& response) const;
  absl::Status List(const rpc::CallContext& call, const google::protobuf::Message& request,
                    google::protobuf::Message& response) const;
  absl::Status Create(const rpc::CallContext& call, const google::protobuf::Message& request,
                      google::protobuf::Message& response);
  absl::Status Update(const rpc::CallContext& call, const google::protobuf::Message& request,
                      google::protobuf::Message& response);
  absl::Status Delete(const rpc::CallContext& call, const google::protobuf::Message& request,
                      google::protobuf::Message& response);

  /// The frame of a custom method on an existing record: reads it, checks the request's etag, lets `mutate` change it,
  /// runs Rules::prepare, writes it with its event unless nothing changed or the request only validates, and retries
  /// when another change came between. A repeated request_id gets its first answer whatever has happened since.
  /// `mutate` may run several times; it may set another event, and add changes of other records, and statements, that
  /// are written in the same transaction.
  using Effects = resource::Effects;
  using Mutate = std::function<absl::Status(google::protobuf::Message& record, Effects& effects)>;
  /// What a method may be done to, beside records that are there and that the caller may change.
  struct Reach {
    bool deleted_too = false;
    /// Seeing the record is enough.
    bool readers_too = false;
  };
  absl::Status Modify(const rpc::CallContext& call, const std::string& name, const std::string& etag,
                      const google::protobuf::Message& request, type::v1::EventType event, const Mutate& mutate,
                      google::protobuf::Message& response, Reach reach);
  absl::Status Modify(const rpc::CallContext& call, const std::string& name, const std::string& etag,
                      const google::protobuf::Message& request, type::v1::EventType event, const Mutate& mutate,
                      google::protobuf::Message& response) {
    return Modify(call, name, etag, request, event, mutate, response, Reach());
  }

  /// One record of a batch: what Modify would write, prepared and ready, without writing it. Nothing if nothing
  /// differs. `response` is the record as it will be. `statements`: what is to run in the same transaction.
  absl::StatusOr<std::vector<Change>> Plan(const rpc::CallContext& call, const std::string& name,
                                           const std::string& etag, type::v1::EventType event, const Mutate& mutate,
                                           google::protobuf::Message& response,
                                           Writer::InTransaction* statements = nullptr) const;
  /// What Update does to the record that `request`, which must outlive it, names, and what Delete does.
  absl::StatusOr<Mutate> UpdateOf(const google::protobuf::Message& request) const;
  Mutate DeleteOf(const rpc::CallContext& call) const;
  /// Fills what is derived in an answer of another method.
  void Derive(const rpc::CallContext& call, google::protobuf::Message& record) const {
    if (rules_.derive) rules_.derive(call, record);
  }

  /// The record of a create request, with its name made and without what only the service sets.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> NewRecord(const google::protobuf::Message& request) const;
  /// Sets the change's request_id, hash and method from a request.
  void FillRequest(const rpc::CallContext& call, const google::protobuf::Message& request, Change* change) const;
  /// A new record as a change, prepared and ready to write, without writing it. `request` gives the request_id.
  absl::StatusOr<Change> NewChange(const rpc::CallContext& call, std::unique_ptr<google::protobuf::Message> record,
                                   const google::protobuf::Message& request);
  /// The same of a record that is prepared already.
  Change NewPreparedChange(const rpc::CallContext& call, std::unique_ptr<google::protobuf::Message> record,
                           const google::protobuf::Message& request) const;
  /// A repeated call meets what its first run, and others since, left behind; its first answer comes before any error:
  /// OK with that in `response`, or `status` if there is none.
  absl::Status FirstAnswerOr(const rpc::CallContext& call, const google::protobuf::Message& request,
                             const absl::Status& status, google::protobuf::Message& response) const;
  /// Writes a new record that a custom method made, as Create would: `request` gives request_id and validate_only.
  absl::Status WriteNew(const rpc::CallContext& call, std::unique_ptr<google::protobuf::Message> record,
                        const google::protobuf::Message& request, google::protobuf::Message& response);
  /// What a changed record is written as; nullopt if nothing differs, unless the event is to be told all the same
  /// (`always`). The record is not prepared again.
  std::optional<Change> ChangeOf(const rpc::CallContext& call, const Record& before,
                                 std::unique_ptr<google::protobuf::Message> after, type::v1::EventType event,
                                 bool always = false) const;

 private:
  /// The record, also if it is deleted or not the caller's to see. A merged one is the record that took it in.
  absl::StatusOr<Record> Find(const rpc::CallContext& call, const std::string& name) const;
  absl::StatusOr<Record> FindAsIs(const rpc::CallContext& call, const std::string& name) const;
  /// What Modify is made of.
  absl::StatusOr<std::vector<Change>> PlanOn(const rpc::CallContext& call, const Record& before,
                                             const std::string& etag, Effects& effects, const Mutate& mutate,
                                             google::protobuf::Message& response, Reach reach) const;
  absl::Status TryModify(const rpc::CallContext& call, const std::string& name, const std::string& etag,
                         const Change& key, bool validate_only, type::v1::EventType event, const Mutate& mutate,
                         google::protobuf::Message& response, Reach reach);
  absl::Status WritePlanned(const rpc::CallContext& call, std::vector<Change> changes,
                            const Writer::InTransaction& statements, google::protobuf::Message& response);
  absl::Status AnswerUnchanged(const rpc::CallContext& call, const Change& key, const Record& record,
                               google::protobuf::Message& response);
  /// Sets who created a new record, and when.
  static void Stamp(const rpc::CallContext& call, Time now, google::protobuf::Message& record);
  Change ChangeOfNew(const rpc::CallContext& call, Time now, std::unique_ptr<google::protobuf::Message> record,
                     const google::protobuf::Message& request) const;
  absl::Status MakeName(const google::protobuf::Message& request, google::protobuf::Message& record) const;
  absl::Status CheckReferences(const rpc::CallContext& call, const google::protobuf::Message& record) const;
  absl::Status CreateMissing(const rpc::CallContext& call, const google::protobuf::Message& request,
                             google::protobuf::Message& response);
  absl::Status InsertNew(const rpc::CallContext& call, const google::protobuf::Message& record,
                         const google::protobuf::Message& request, google::protobuf::Message& response);

  const Table& table_;
  const Rules rules_;
  db::Pool& pool_;
  Writer& writer_;
  const Clock& clock_;
  filter::Schema schema_;
  std::function<filter::Resolver(const rpc::CallContext&)> resolver_;
};

/// The filter schema of a table: every column by its field's path. `alias` stands before the columns.
filter::Schema SchemaOf(const Table& table, const std::string& alias, const std::vector<std::string>& case_insensitive);

}  // namespace embudo::resource
