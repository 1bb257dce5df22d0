# SPDX-License-Identifier: MIT
# SOURCE must compile as it is, and with LOSSES_COMPILE_FAIL defined it must not: then the compiler's output must match
# each of its lines "// expect: <regex>". A line "// flags: …" adds compiler flags to both.

set(command ${COMPILER} -std=c++20 -fsyntax-only)
foreach(dir IN LISTS INCLUDES)
  list(APPEND command -I${dir})
endforeach()
foreach(dir IN LISTS SYSTEM_INCLUDES)
  list(APPEND command -isystem ${dir})
endforeach()
file(STRINGS ${SOURCE} flags REGEX "^// flags: ")
string(REGEX REPLACE "^// flags: " "" flags "${flags}")
separate_arguments(flags)
list(APPEND command ${flags})

execute_process(
  COMMAND ${command} ${SOURCE}
  RESULT_VARIABLE status
  ERROR_VARIABLE output)
if(NOT status STREQUAL "0")
  message(FATAL_ERROR "The correct part does not compile:\n${output}")
endif()

execute_process(
  COMMAND ${command} -DLOSSES_COMPILE_FAIL ${SOURCE}
  RESULT_VARIABLE status
  ERROR_VARIABLE output)
message("${output}")
if(status STREQUAL "0")
  message(FATAL_ERROR "The wrong part compiles")
endif()

include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/expectations.cmake)
match_expectations(${SOURCE} "${output}")
