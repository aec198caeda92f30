# Run by embudo_texts: writes OUT, a function that returns the FILES of a folder as texts.
file(GLOB FILES ${FOLDER}/*.json)
list(SORT FILES)
set(TEXTS "")
foreach(FILE IN LISTS FILES)
  file(SIZE ${FILE} SIZE)
  # What every compiler takes as one literal.
  if(SIZE GREATER 60000)
    message(FATAL_ERROR "${FILE}: more than 60,000 bytes; make it two files")
  endif()
  file(READ ${FILE} TEXT)
  # The file function's own list separators must survive.
  string(APPEND TEXTS "      R\"EmbudoText(${TEXT})EmbudoText\",\n")
endforeach()
file(WRITE ${OUT} "// Generated from ${FOLDER}; do not edit.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

const std::vector<std::string>& ${FUNCTION}() {
  static const auto* const texts = new std::vector<std::string>{
${TEXTS}  };
  return *texts;
}

}  // namespace ${NAMESPACE}
")
