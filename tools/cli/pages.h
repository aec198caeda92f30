#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "tools/cli/context.h"

namespace embudo::cli {

/// The records of all pages of a List method, up to the limit. `records` are those of one page.
template <class Response, class Request, class Records>
absl::StatusOr<std::vector<Json>> ListPages(Context& context, const std::string& method, Request request, int limit,
                                            const Records& records) {
  constexpr int kMaxPageSize = 1000;
  std::vector<Json> rows;
  do {
    request.set_page_size(std::min(limit - static_cast<int>(rows.size()), kMaxPageSize));
    EMBUDO_ASSIGN_OR_RETURN(const Response page, context.Call<Response>(method, request));
    for (const auto& record : records(page)) rows.push_back(ToJson(record));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(rows.size()) < limit);
  return rows;
}

}  // namespace embudo::cli
