#pragma once

#include <string>

#include "common/base/clock.h"
#include "embudo/capture/v1/capture_service.pb.h"

namespace embudo::capture::storage {

/// A submission as it is kept.
struct SubmissionRecord {
  std::string id;
  v1::CaptureLeadRequest request;
  type::v1::Lead::Channel channel = type::v1::Lead::CHANNEL_UNSPECIFIED;
  v1::Submission::Outcome outcome = v1::Submission::OUTCOME_UNSPECIFIED;
  /// While there is no outcome: the id that a new lead gets. Later empty if it went to none.
  std::string lead_id;
  std::string reason;
  /// Of the request, empty or a UUID.
  std::string request_id;
  /// SHA-256 of the request.
  std::string request_hash;
  Time create_time;
  /// What is kept beside the request; empty and 0 if nothing is.
  std::string raw_content_type;
  int64_t raw_size = 0;
  /// Duplicates and warnings.
  v1::Submission findings;
};

/// What came, byte by byte.
struct RawContent {
  std::string content_type;
  std::string bytes;
};

/// The largest RawContent that is kept.
inline constexpr size_t kMaxRawBytes = size_t{48} << 20;

bool WentToALead(v1::Submission::Outcome outcome);

/// The submission as its readers see it.
v1::Submission ToProto(const SubmissionRecord& record);

/// How the table writes them: WEB_FORM; CREATED, empty while there is none.
std::string ChannelText(type::v1::Lead::Channel channel);
std::string OutcomeText(v1::Submission::Outcome outcome);
type::v1::Lead::Channel ChannelFrom(std::string_view text);
v1::Submission::Outcome OutcomeFrom(std::string_view text);

}  // namespace embudo::capture::storage
