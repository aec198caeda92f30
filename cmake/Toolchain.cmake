# Compiler launcher, linker, warnings and sanitizers: everything about *how* the code is compiled.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Relative paths, so that build trees beside each other share one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

# ccache takes precompiled headers only where the preprocessor says that it used one.
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

set(EMBUDO_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")
if(EMBUDO_SANITIZE)
  # GCC's instrumentation makes it see uninitialised values in its own <regex>.
  add_compile_options(-fsanitize=${EMBUDO_SANITIZE} -fno-omit-frame-pointer
                      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  add_link_options(-fsanitize=${EMBUDO_SANITIZE})
endif()

add_library(embudo_warnings INTERFACE)
target_compile_options(embudo_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                       -Wno-missing-field-initializers)  # designated initializers name what they set
if(EMBUDO_WERROR)
  target_compile_options(embudo_warnings INTERFACE -Werror)
endif()
