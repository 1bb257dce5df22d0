# SPDX-License-Identifier: MIT
# cmake -DPROGRAM=… -DVALGRIND=… -DCOUNTS=file [-DUPDATE=ON] -P compare.cmake
# Counts the instructions of each call of the program under callgrind, and compares them with the file: 3 % up or down is an
# error. With UPDATE the file is written.

execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE names OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" names "${names}")
set(stored "")
if(NOT UPDATE)
  file(READ ${COUNTS} stored)
endif()
set(counted "")
set(wrong "")
foreach(name IN LISTS names)
  execute_process(
    COMMAND ${VALGRIND} --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=counted_call ${PROGRAM} ${name}
    ERROR_VARIABLE log
    COMMAND_ERROR_IS_FATAL ANY)
  if(NOT log MATCHES "Collected : ([0-9]+)")
    message(FATAL_ERROR "callgrind says nothing of ${name}:\n${log}")
  endif()
  set(now ${CMAKE_MATCH_1})
  string(APPEND counted "${name} ${now}\n")
  if(UPDATE)
    continue()
  endif()
  if(NOT stored MATCHES "(^|\n)${name} ([0-9]+)\n")
    string(APPEND wrong "  ${name}: ${now}, not stored\n")
    continue()
  endif()
  set(was ${CMAKE_MATCH_2})
  math(EXPR difference "100 * (${now} - ${was})")
  math(EXPR bound "3 * ${was}")
  if(difference GREATER bound OR difference LESS -${bound})
    string(APPEND wrong "  ${name}: ${now}, stored ${was}\n")
  endif()
endforeach()
if(UPDATE)
  file(WRITE ${COUNTS} "${counted}")
elseif(wrong)
  message(FATAL_ERROR "instructions differ by more than 3 % from ${COUNTS}:\n${wrong}"
                      "Where that is meant, build the target update_instructions and commit the file.")
else()
  message(STATUS "all within 3 %:\n${counted}")
endif()
