#pragma once

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace embudo::pipeline::logic {

/// What an import did to a field of a record, over all of its writes.
struct ImportedFields {
  /// The paths that it changed, top-level or `custom_fields.<key>`.
  std::vector<std::string> paths;
  /// Records with the values of these before the import's first write and after its last.
  std::unique_ptr<google::protobuf::Message> before;
  std::unique_ptr<google::protobuf::Message> after;
};

/// Gives the fields that are still as the import left them their values from before. Where a lead stands (its state,
/// stage and times) goes back as a whole or not at all. Returns the paths that are left alone because they have another
/// value now; those that only the service derives are not told.
std::vector<std::string> TakeBack(const ImportedFields& imported, google::protobuf::Message& record);

}  // namespace embudo::pipeline::logic
