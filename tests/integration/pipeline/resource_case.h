#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "tests/integration/suite.h"

namespace embudo::testing {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

/// What the tests of the standard methods need to know of one resource; the rest is in its descriptors.
struct ResourceCase {
  std::string type;    ///< `Tag`
  std::string plural;  ///< `Tags`, as in ListTags
  std::string body;    ///< the field that holds the record in requests: `lost_reason`
  std::string noun;    ///< as in its events' types: `lost_reason`; empty: there are none
  /// Makes the parent in the caller's tenant and returns its name; empty where there is none.
  std::function<std::string(const Caller&)> parent;
  /// Fills a valid new record, with what it refers to. Two records of one parent must not collide.
  std::function<void(const Caller&, google::protobuf::Message&)> fill;
  std::string text_field;  ///< a required text that an update may change
  bool uuid = false;       ///< ids are UUIDs, else slugs
  /// Makes records that refer to the one of that name; each is told by a word in the error. Empty: nothing refers to
  /// it.
  struct Referrer {
    std::string what;
    std::function<void(const Caller&, const std::string&)> make;
  };
  std::vector<Referrer> referrers;
};

/// All resources of the pipeline service that have the standard methods.
const std::vector<ResourceCase>& PipelineResources();
/// For the names of parameterised tests.
void PrintTo(const ResourceCase& resource, std::ostream* out);

/// What a request may hold beside the record.
struct Extra {
  std::string request_id;
  std::string etag;
  bool validate_only = false;
  bool allow_missing = false;
  bool show_deleted = false;
};

/// The standard methods of a resource, as one caller, by reflection.
class Standard {
 public:
  Standard(Caller caller, const ResourceCase& resource) : caller_(std::move(caller)), resource_(resource) {}

  /// A new, valid record.
  MessagePtr Fill() const;
  std::string Parent() const { return resource_.parent ? resource_.parent(caller_) : ""; }

  absl::StatusOr<MessagePtr> Create(const std::string& parent, const google::protobuf::Message& record,
                                    const std::string& id, const Extra& extra = {}) const;
  absl::StatusOr<MessagePtr> Get(const std::string& name) const;
  /// Names of the records.
  std::vector<std::string> List(const std::string& parent, const Extra& extra = {}) const;
  absl::StatusOr<MessagePtr> Update(const google::protobuf::Message& record, const std::vector<std::string>& mask,
                                    const Extra& extra = {}) const;
  absl::StatusOr<MessagePtr> Delete(const std::string& name, const Extra& extra = {}) const;

  const Caller& caller() const { return caller_; }
  /// A fresh id for a record.
  std::string NewId() const;

 private:
  MessagePtr NewRequest(const std::string& method) const;
  static void Set(google::protobuf::Message& request, const Extra& extra);
  absl::StatusOr<MessagePtr> Call(const google::protobuf::Message& request) const;

  const Caller caller_;
  const ResourceCase& resource_;
};

}  // namespace embudo::testing
