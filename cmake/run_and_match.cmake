# SPDX-License-Identifier: MIT
# Runs PROGRAM with ARGUMENTS and compares what it prints with the lines "// expect: <regex>" of SOURCE: each must match
# somewhere. STATUS is "success" (the default) or "failure".

set(arguments ${ARGUMENTS})
execute_process(
  COMMAND ${PROGRAM} ${arguments}
  RESULT_VARIABLE status
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
message("${output}")

if(STATUS STREQUAL "failure")
  if(status STREQUAL "0")
    message(FATAL_ERROR "${PROGRAM} succeeded, but should have failed")
  endif()
elseif(NOT status STREQUAL "0")
  message(FATAL_ERROR "${PROGRAM} ended with status ${status}")
endif()

include(${CMAKE_CURRENT_LIST_DIR}/expectations.cmake)
match_expectations(${SOURCE} "${output}")
