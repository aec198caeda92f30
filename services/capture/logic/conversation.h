#pragma once

#include <optional>
#include <string>
#include <vector>

#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/type/v1/message.pb.h"

namespace embudo::capture::logic {

/// What a submission adds to the conversation of its lead: the chat, the call, the mail; and of anything else, where
/// the lead was there before, a note of what was sent. nullopt: nothing.
std::optional<type::v1::Message> EntryOf(const v1::CaptureLeadRequest& request, bool lead_is_new);

/// A chat's lines, each with its time and author.
std::string TranscriptOf(const v1::LiveChat& chat);

/// A note that names leads which may be the same.
type::v1::Message FlagNote(const std::vector<v1::Duplicate>& duplicates);

/// The touch that a submission is.
type::v1::Touch TouchOf(const v1::CaptureLeadRequest& request, const std::string& submission,
                        const google::protobuf::Timestamp& came);

}  // namespace embudo::capture::logic
