#include "services/automation/storage/tables.h"

#include "embudo/automation/v1/rule.pb.h"
#include "embudo/automation/v1/run.pb.h"

namespace embudo::automation::storage {

const resource::Table& RuleTable() {
  static const resource::Table table(v1::Rule::descriptor(), "automation.rule");
  return table;
}

const resource::Table& RunTable() {
  static const resource::Table table(v1::Run::descriptor(), "automation.run");
  return table;
}

}  // namespace embudo::automation::storage
