# SPDX-License-Identifier: MIT
# losses::table_float and losses::table_double: the losses of float, or of double, and the table of them that make_loss reads,
# compiled once, where something links them, with the flags of that project. losses::table is both. A target that links one
# compiles no loss of that scalar again. (A file that calls make_loss and links neither compiles all of them: it takes minutes.)

if(NOT TARGET losses_table)
  add_library(losses_table INTERFACE)
  add_library(losses::table ALIAS losses_table)
  foreach(scalar IN ITEMS float double)
    set(sources "")
    foreach(room IN ITEMS regression classification segmentation detection ranking metric generative sequence)
      set(source ${CMAKE_CURRENT_BINARY_DIR}/losses_table/${room}_${scalar}.cpp)
      file(
        CONFIGURE
        OUTPUT ${source}
        CONTENT
          "#define LOSSES_COMPILED_SCALAR ${scalar}\n#include <losses/compose/table/${room}.hpp>\n\ntemplate std::vector<losses::LossEntry<${scalar}>> losses::detail::${room}_entries<${scalar}>();\n"
      )
      list(APPEND sources ${source})
    endforeach()
    add_library(losses_table_${scalar} STATIC EXCLUDE_FROM_ALL ${sources})
    add_library(losses::table_${scalar} ALIAS losses_table_${scalar})
    target_link_libraries(losses_table_${scalar} PUBLIC losses::losses PRIVATE $<TARGET_NAME_IF_EXISTS:losses_development>)
    string(TOUPPER ${scalar} upper)
    target_compile_definitions(losses_table_${scalar} INTERFACE LOSSES_EXTERN_TABLE LOSSES_EXTERN_${upper})
    target_link_libraries(losses_table INTERFACE losses_table_${scalar})
  endforeach()
endif()
