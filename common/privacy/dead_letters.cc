#include "common/privacy/dead_letters.h"

#include <optional>
#include <vector>

#include "common/base/error.h"
#include "embudo/type/v1/event.pb.h"

namespace embudo::privacy {

absl::Status RedactDeadLetters(db::Connection& connection, const std::string& schema, const Person& person) {
  std::vector<std::optional<std::string>> marks;
  for (const std::string& mark : person.Marks()) marks.emplace_back(mark);
  const std::string table = schema + ".dead_letter";
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(
          "SELECT consumer, partition, position, data FROM " + table +
              " d WHERE EXISTS (SELECT FROM unnest($1::bytea[]) AS m(mark) WHERE position(mark IN d.data) > 0)",
          db::Params().AddBytes(marks)));
  for (int i = 0; i < rows.size(); ++i) {
    type::v1::Event event;
    if (!event.ParseFromString(rows[i].Bytes(3)) || !RedactIn(person, &event)) continue;
    EMBUDO_RETURN_IF_ERROR(
        connection
            .Exec("UPDATE " + table + " SET data = $4 WHERE consumer = $1 AND partition = $2 AND position = $3",
                  db::Params::Of(std::string(rows[i].Text(0)), rows[i].Int(1), rows[i].Int(2))
                      .AddBytes(event.SerializeAsString()))
            .status());
  }
  return absl::OkStatus();
}

}  // namespace embudo::privacy
