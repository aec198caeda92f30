# embudo_migrations(<target> <folder> <namespace>): builds the numbered SQL files of a folder into a library.
#
#     embudo_library(services/pipeline/storage DEPS common_db)
#     embudo_migrations(services_pipeline_storage services/pipeline/storage/migrations embudo::pipeline::storage)
#
# The files are 0001_<name>.sql, 0002_<name>.sql …, in ascending order. They define the function that the header beside
# the folder (services/pipeline/storage/migrations.h) declares by hand:
#
#     namespace embudo::pipeline::storage {
#     const std::vector<db::Migration>& Migrations();
#     }
function(embudo_migrations TARGET FOLDER NAMESPACE)
  cmake_path(ABSOLUTE_PATH FOLDER BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
  file(GLOB FILES CONFIGURE_DEPENDS ${FOLDER}/*.sql)
  cmake_path(GET FOLDER PARENT_PATH PARENT)
  cmake_path(RELATIVE_PATH PARENT BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
  set(OUT ${CMAKE_BINARY_DIR}/generated/${PARENT}/migrations.cc)
  add_custom_command(OUTPUT ${OUT}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${FOLDER} -DNAMESPACE=${NAMESPACE}
            -DHEADER=${PARENT}/migrations.h -DOUT=${OUT} -P ${CMAKE_SOURCE_DIR}/cmake/GenerateMigrations.cmake
    DEPENDS ${FILES} ${CMAKE_SOURCE_DIR}/cmake/GenerateMigrations.cmake
    COMMENT "migrations of ${FOLDER}" VERBATIM)
  target_sources(${TARGET} PRIVATE ${OUT})
endfunction()
