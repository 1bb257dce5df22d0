# SPDX-License-Identifier: MIT

# Fails unless the source has lines "// expect: <regex>" and the text matches each of them; \n is the end of a line.
# (Not by file(STRINGS): a bracket in a regex would join the elements of its list.)
function(match_expectations source text)
  file(READ ${source} rest)
  set(rest "\n${rest}")
  if(NOT rest MATCHES "\n// expect: ")
    message(FATAL_ERROR "${source} has no line '// expect: <regex>'")
  endif()
  while(rest MATCHES "\n// expect: ([^\n]*)(.*)")
    set(regex "${CMAKE_MATCH_1}")
    set(rest "${CMAKE_MATCH_2}")
    string(REPLACE "\\n" "\n" regex "${regex}")
    if(NOT text MATCHES "${regex}")
      message(FATAL_ERROR "${source} expects, and the output lacks: ${regex}")
    endif()
  endwhile()
endfunction()
