#include "services/reporting/logic/rows.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace embudo::reporting::logic {
namespace {

/// The parent in a resource name of several ids: `pipelines/p` of `pipelines/p/stages/s`; empty for anything else.
std::string_view ParentOf(const Value& value) {
  const std::string_view name = value.value;
  const size_t id = name.rfind('/');
  if (!value.reference || id == std::string_view::npos || id == 0) return {};
  const size_t collection = name.rfind('/', id - 1);
  return collection == std::string_view::npos ? std::string_view() : name.substr(0, collection);
}

auto KeyOf(const Value& value) {
  return std::make_tuple(value.value.empty(), ParentOf(value), value.place, std::string_view(value.display_name),
                         std::string_view(value.value));
}

}  // namespace

void Sort(std::vector<Row>& rows) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::lexicographical_compare(
        a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
        [](const Value& left, const Value& right) { return KeyOf(left) < KeyOf(right); });
  });
}

}  // namespace embudo::reporting::logic
