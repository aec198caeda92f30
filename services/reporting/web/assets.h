#pragma once

namespace embudo::reporting::web {

/// The chart view, as it is built into the program: the page, its style, and its script with the chart library.
extern const char kPage[];
extern const char kStyle[];
extern const char kScript[];

}  // namespace embudo::reporting::web
