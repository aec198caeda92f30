# Run by embudo_migrations: writes OUT from the *.sql files of FOLDER.
file(GLOB FILES ${FOLDER}/*.sql)
list(SORT FILES)

set(NEXT 1)
set(STEPS "")
foreach(FILE IN LISTS FILES)
  get_filename_component(STEM ${FILE} NAME_WE)
  if(NOT STEM MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
    message(FATAL_ERROR "${FILE}: a migration is named 0001_what_it_does.sql")
  endif()
  set(NAME ${CMAKE_MATCH_2})
  math(EXPR NUMBER "1${CMAKE_MATCH_1} - 10000")
  if(NUMBER LESS NEXT)
    message(FATAL_ERROR "${FILE}: its number should be ${NEXT} or more")
  endif()
  math(EXPR NEXT "${NUMBER} + 1")
  # What every compiler takes as one literal.
  file(SIZE ${FILE} SIZE)
  if(SIZE GREATER 60000)
    message(FATAL_ERROR "${FILE}: more than 60,000 bytes; make it two steps")
  endif()
  file(READ ${FILE} SQL)
  string(APPEND STEPS "      {${NUMBER}, \"${NAME}\", R\"EmbudoSql(${SQL})EmbudoSql\"},\n")
endforeach()

file(WRITE ${OUT} "// Generated from ${FOLDER}; do not edit.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

const std::vector<embudo::db::Migration>& Migrations() {
  static const auto* const migrations = new std::vector<embudo::db::Migration>{
${STEPS}  };
  return *migrations;
}

}  // namespace ${NAMESPACE}
")
