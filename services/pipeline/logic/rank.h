#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace embudo::pipeline::logic {

/// Places of cards in a column: texts over [0-9a-z] that sort by byte, with room between any two that differ. What is
/// made below holds a letter from 'g' on, which FreshRank's hexadecimal never does, and ends in one: so no rank is
/// another with zeros behind it.

/// The rank of a card that comes to the top at `time`: later ones sort first, without a look at the others.
std::string FreshRank(Time time, std::string_view lead_id);
/// A rank for `lead_id` between two that differ; an empty `after` is the top, an empty `before` the end of the column.
/// Two leads that go to one place get different ranks, save for one pair in some 26,000. nullopt if there is no room,
/// which ranks of this file always leave.
std::optional<std::string> RankBetween(std::string_view after, std::string_view before, std::string_view lead_id);

}  // namespace embudo::pipeline::logic
