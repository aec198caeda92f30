#include "services/capture/storage/submission_record.h"

#include <string_view>

namespace embudo::capture::storage {
namespace {

using type::v1::Lead;
using v1::Submission;

constexpr std::string_view kOutcomePrefix = "OUTCOME_";
constexpr std::string_view kChannelPrefix = "CHANNEL_";

}  // namespace

std::string ChannelText(Lead::Channel channel) { return Lead::Channel_Name(channel).substr(kChannelPrefix.size()); }

std::string OutcomeText(Submission::Outcome outcome) {
  if (outcome == Submission::OUTCOME_UNSPECIFIED) return "";
  return Submission::Outcome_Name(outcome).substr(kOutcomePrefix.size());
}

Lead::Channel ChannelFrom(std::string_view text) {
  Lead::Channel channel = Lead::CHANNEL_UNSPECIFIED;
  Lead::Channel_Parse(std::string(kChannelPrefix) + std::string(text), &channel);
  return channel;
}

Submission::Outcome OutcomeFrom(std::string_view text) {
  Submission::Outcome outcome = Submission::OUTCOME_UNSPECIFIED;
  Submission::Outcome_Parse(std::string(kOutcomePrefix) + std::string(text), &outcome);
  return outcome;
}

bool WentToALead(Submission::Outcome outcome) {
  return outcome == Submission::OUTCOME_CREATED || outcome == Submission::OUTCOME_ATTACHED ||
         outcome == Submission::OUTCOME_MERGED;
}

Submission ToProto(const SubmissionRecord& record) {
  Submission submission;
  submission.set_name("submissions/" + record.id);
  submission.set_channel(record.channel);
  submission.set_outcome(record.outcome);
  const bool settled = record.outcome != Submission::OUTCOME_UNSPECIFIED;
  if (settled && !record.lead_id.empty()) submission.set_lead("leads/" + record.lead_id);
  submission.set_reason(record.reason);
  *submission.mutable_create_time() = ToTimestamp(record.create_time);
  *submission.mutable_payload() = record.request.payload();
  submission.set_raw_content_type(record.raw_content_type);
  submission.set_raw_size_bytes(record.raw_size);
  *submission.mutable_duplicates() = record.findings.duplicates();
  *submission.mutable_warnings() = record.findings.warnings();
  return submission;
}

}  // namespace embudo::capture::storage
