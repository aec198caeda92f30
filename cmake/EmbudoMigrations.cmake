# embudo_migrations(<target> <folder> <namespace>): builds the numbered SQL files of a folder into a library.
#
#     embudo_library(services/pipeline/storage DEPS common_db)
#     embudo_migrations(services_pipeline_storage services/pipeline/storage/migrations embudo::pipeline::storage)
#
# The files are 0001_<name>.sql, 0002_<name>.sql … without a gap. They define the function that the header beside the
# folder (services/pipeline/storage/migrations.h) declares by hand:
#
#     namespace embudo::pipeline::storage {
#     const std::vector<db::Migration>& Migrations();
#     }
function(embudo_migrations TARGET FOLDER NAMESPACE)
  file(GLOB FILES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${FOLDER}/*.sql)
  cmake_path(GET FOLDER PARENT_PATH PARENT)
  set(OUT ${CMAKE_BINARY_DIR}/generated/${PARENT}/migrations.cc)
  add_custom_command(OUTPUT ${OUT}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${CMAKE_SOURCE_DIR}/${FOLDER} -DNAMESPACE=${NAMESPACE}
            -DHEADER=${PARENT}/migrations.h -DOUT=${OUT} -P ${CMAKE_SOURCE_DIR}/cmake/GenerateMigrations.cmake
    DEPENDS ${FILES} ${CMAKE_SOURCE_DIR}/cmake/GenerateMigrations.cmake
    COMMENT "migrations of ${FOLDER}" VERBATIM)
  target_sources(${TARGET} PRIVATE ${OUT})
endfunction()
