# embudo_texts(<target> <folder> <header> <namespace> <function>): builds the *.json files of a folder into a library,
# as the function `const std::vector<std::string>& <function>()`, which the header declares.
function(embudo_texts TARGET FOLDER HEADER NAMESPACE FUNCTION)
  cmake_path(ABSOLUTE_PATH FOLDER BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
  file(GLOB FILES CONFIGURE_DEPENDS ${FOLDER}/*.json)
  cmake_path(RELATIVE_PATH FOLDER BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE PLACE)
  set(OUT ${CMAKE_BINARY_DIR}/generated/${PLACE}.cc)
  add_custom_command(OUTPUT ${OUT}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${FOLDER} -DNAMESPACE=${NAMESPACE} -DHEADER=${HEADER} -DFUNCTION=${FUNCTION}
            -DOUT=${OUT} -P ${CMAKE_SOURCE_DIR}/cmake/GenerateTexts.cmake
    DEPENDS ${FILES} ${CMAKE_SOURCE_DIR}/cmake/GenerateTexts.cmake
    COMMENT "texts of ${PLACE}" VERBATIM)
  target_sources(${TARGET} PRIVATE ${OUT})
endfunction()
