# cmake -DSOURCE=.. -DOUTPUT=header -P git_state.cmake: writes the commit that is being built, and the header only if
# that changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short HEAD OUTPUT_VARIABLE state
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD -- RESULT_VARIABLE changed ERROR_QUIET)
if(state AND changed)
  string(APPEND state ", changed")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define ZEBRA_GIT_STATE \"${state}\"\n")
