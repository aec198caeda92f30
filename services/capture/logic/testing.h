#pragma once

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/text/csv.h"
#include "embudo/capture/v1/import_mapping.pb.h"

namespace embudo::capture::logic {

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

/// A mapping in protobuf's JSON form.
inline v1::ImportMapping MappingFromJson(const std::string& json) {
  v1::ImportMapping mapping;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &mapping);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return mapping;
}

/// A file's rows, the header first.
inline std::vector<text::CsvRow> RowsOf(const std::string& csv) {
  text::CsvReader reader;
  EXPECT_TRUE(reader.Feed(csv).ok());
  EXPECT_TRUE(reader.Finish().ok());
  std::vector<text::CsvRow> rows;
  for (text::CsvRow row; reader.Next(&row);) rows.push_back(std::move(row));
  return rows;
}

}  // namespace embudo::capture::logic
