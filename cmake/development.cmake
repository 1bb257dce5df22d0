# SPDX-License-Identifier: MIT
# Flags of this project's own tests, benchmarks and examples. Users never see them: losses::losses carries none.

set(LOSSES_SANITIZE
    ""
    CACHE STRING "Sanitizers for the tests and examples of losses, as in -fsanitize=")

add_library(losses_development INTERFACE)
target_link_libraries(losses_development INTERFACE losses::losses)
if(MSVC)
  target_compile_options(losses_development INTERFACE /W4 $<$<BOOL:${LOSSES_WERROR}>:/WX>)
else()
  target_compile_options(losses_development INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wpedantic
                                                      $<$<BOOL:${LOSSES_WERROR}>:-Werror>)
endif()
if(LOSSES_SANITIZE)
  set(sanitize -fsanitize=${LOSSES_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(losses_development INTERFACE ${sanitize})
  target_link_options(losses_development INTERFACE ${sanitize})
endif()

find_package(Threads REQUIRED)
target_link_libraries(losses_development INTERFACE Threads::Threads)
