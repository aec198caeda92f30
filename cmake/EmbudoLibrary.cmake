# embudo_library(<folder> DEPS ...): the folder's sources as one library, its *_test.cc as one test program.
#
# A folder is a library named after its path (common/db -> common_db). It may use what it lists in DEPS and nothing
# else: the layering is the link graph, and tests/tidy holds #include lines to the same graph.
function(embudo_library FOLDER)
  cmake_parse_arguments(ARG "" "" "DEPS;TEST_DEPS" ${ARGN})
  string(REPLACE "/" "_" NAME ${FOLDER})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${FOLDER}/*.cc)
  set(TESTS ${SOURCES})
  list(FILTER SOURCES EXCLUDE REGEX "_test\\.cc$")
  list(FILTER SOURCES EXCLUDE REGEX "/main\\.cc$")
  list(FILTER TESTS INCLUDE REGEX "_test\\.cc$")

  if(SOURCES)
    add_library(${NAME} STATIC ${SOURCES})
    target_link_libraries(${NAME} PUBLIC ${ARG_DEPS} PRIVATE embudo_warnings)
    target_include_directories(${NAME} PUBLIC ${CMAKE_SOURCE_DIR})
  else()
    add_library(${NAME} INTERFACE)
    target_link_libraries(${NAME} INTERFACE ${ARG_DEPS})
    target_include_directories(${NAME} INTERFACE ${CMAKE_SOURCE_DIR})
  endif()

  if(TESTS)
    embudo_test(${NAME}_test LABEL unit SOURCES ${TESTS} DEPS ${NAME} ${ARG_TEST_DEPS})
  endif()
endfunction()

# embudo_service(<name>): the program embudo-<name> of services/<name>. jemalloc takes the place of the system's
# allocator, which costs about a tenth more of the processor where many records are read, and keeps twice the memory
# after a load; not under a sanitizer, which brings its own.
function(embudo_service NAME)
  add_executable(embudo-${NAME} main.cc)
  target_link_libraries(embudo-${NAME} PRIVATE services_${NAME} embudo_warnings)
  if(NOT EMBUDO_SANITIZE)
    target_link_libraries(embudo-${NAME} PRIVATE -Wl,--push-state,--no-as-needed PkgConfig::JEMALLOC -Wl,--pop-state)
  endif()
endfunction()

# embudo_test(<name> LABEL unit|integration|... SOURCES ... DEPS ...): one GoogleTest program, run by ctest as one test.
function(embudo_test NAME)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;DEPS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} embudo_warnings GTest::gmock GTest::gtest_main)
  target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR})
  add_test(NAME ${NAME} COMMAND ${NAME} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 600)
  # tests_<label> builds all programs of a label.
  if(NOT TARGET tests_${ARG_LABEL})
    add_custom_target(tests_${ARG_LABEL})
  endif()
  add_dependencies(tests_${ARG_LABEL} ${NAME})
endfunction()
