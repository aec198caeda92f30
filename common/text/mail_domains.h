#pragma once

namespace embudo::text {

/// Domains, one a line, sorted by byte; made of common/text/data.
extern const char kFreeMailDomains[];
extern const char kDisposableMailDomains[];

}  // namespace embudo::text
