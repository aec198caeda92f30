#pragma once

#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace embudo::reporting::logic {

/// A report as CSV (RFC 4180): a header, then its rows, as lines. Each dimension has two columns, its value and its
/// display name (`stage`, `stage_display_name`); then come the measures, amounts as decimals, the currency last.
/// `response` has `rows` and `total`; without dimensions the total is the row.
std::vector<std::string> CsvLines(const google::protobuf::Message& response, const std::vector<std::string>& group_by);

}  // namespace embudo::reporting::logic
