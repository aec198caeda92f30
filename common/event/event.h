#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "embudo/type/v1/event.pb.h"

namespace embudo::event {

/// `lead.created` for EVENT_TYPE_LEAD_CREATED. The resource is everything up to the first '_' that leaves a known
/// resource before it (`lost_reason.created`).
std::string TypeText(type::v1::EventType type);
/// The inverse; EVENT_TYPE_UNSPECIFIED for an unknown text.
type::v1::EventType TypeOf(std::string_view text);

/// CRC-32C of the tenant's id followed by the partition key's bytes (a UUID's 16, else the text): modulo the number of
/// partitions it is the partition (Epoch::PartitionOf).
uint32_t HashOf(std::string_view tenant, std::string_view partition_key);

/// An event as the log holds it, with its place filled in. False if the bytes are no event.
bool ParseStored(std::string_view bytes, int partition, int64_t position, type::v1::Event* event);

}  // namespace embudo::event
