#include "common/privacy/erased.h"

#include "common/base/resource_id.h"

namespace embudo::privacy {

Person PersonOf(const type::v1::Erasure& erasure) {
  Person person;
  if (!erasure.contact().empty()) person.names.insert(erasure.contact());
  person.names.insert(erasure.leads().begin(), erasure.leads().end());
  return person;
}

std::vector<std::string> LeadIdsOf(const type::v1::Erasure& erasure) {
  std::vector<std::string> ids;
  for (const std::string& lead : erasure.leads()) ids.push_back(IdOf(lead));
  return ids;
}

}  // namespace embudo::privacy
