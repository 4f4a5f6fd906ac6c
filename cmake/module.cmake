# zebra_module(NAME [TORCH] [LIBRARY target] [DEPS modules..] [LIBS targets..] [OPTIONS flags..] [PCH headers..])
# makes the library zebra_NAME of src/NAME/*.cpp and, of src/NAME/*_test.cpp, the test program NAME_test.
# TORCH modules see ATen through one shared precompiled header (PCH: through one of their own, with more in it); the
# others must not include it.

if(ZEBRA_TESTS)
  add_library(zebra_test_main STATIC ${CMAKE_SOURCE_DIR}/tests/support/main.cpp)
  target_link_libraries(zebra_test_main PUBLIC GTest::gtest)
  target_include_directories(zebra_test_main PUBLIC ${CMAKE_SOURCE_DIR}/tests)
endif()

add_library(zebra_torch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(zebra_torch PUBLIC zebra_libtorch)
set(ZEBRA_PCH <ATen/ATen.h> <ATen/core/grad_mode.h> <nlohmann/json.hpp>)
target_precompile_headers(zebra_torch PRIVATE ${ZEBRA_PCH})
target_link_libraries(zebra_torch PUBLIC nlohmann_json::nlohmann_json)

add_custom_target(zebra_cuda_check)

# One CTest entry a program, since starting torch costs half a second; `processors` is how many cores it keeps busy.
# The results, skipped tests included, are summed up from the JSON files by scripts/test. OpenMP's threads must not spin
# where several tests share the cores (scripts/zebra says what that costs).
function(zebra_test name processors)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES PROCESSORS ${processors} ENVIRONMENT
                       "OMP_NUM_THREADS=${processors};GOMP_SPINCOUNT=1000;GTEST_OUTPUT=json:${CMAKE_BINARY_DIR}/results/${name}.json")
endfunction()

# A precompiled header is only valid under the flags it was made with: -fPIC, where programs get -fPIE.
function(zebra_reuse_precompiled program library)
  set_target_properties(${program} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${program} PRIVATE -fPIC)
  target_precompile_headers(${program} REUSE_FROM ${library})
endfunction()

function(zebra_module name)
  cmake_parse_arguments(M "TORCH" "LIBRARY" "DEPS;LIBS;OPTIONS;PCH" ${ARGN})
  if(NOT M_LIBRARY)
    set(M_LIBRARY zebra_${name})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/cli/main\\.cpp$")
  list(TRANSFORM M_DEPS PREPEND zebra_)

  # A backend is a folder cuda/ or, with the same symbols, a file no_cuda.cpp.
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/cuda/*.cu ${CMAKE_SOURCE_DIR}/src/${name}/cuda/*/*.cu)
  if(ZEBRA_CUDA)
    list(APPEND sources ${kernels})
    if(kernels)
      list(FILTER sources EXCLUDE REGEX "/no_cuda\\.cpp$")
      list(APPEND M_LIBS CUDA::cudart)
    endif()
  elseif(kernels AND NVCC)
    # Not part of the program, but compiled by scripts/test, so that the kernels cannot rot.
    add_library(zebra_cuda_${name} OBJECT EXCLUDE_FROM_ALL ${kernels})
    target_include_directories(zebra_cuda_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    add_dependencies(zebra_cuda_check zebra_cuda_${name})
  endif()

  if(sources)
    add_library(${M_LIBRARY} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${M_LIBRARY} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${M_LIBRARY} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${M_LIBRARY} ${scope} ${M_DEPS} ${M_LIBS})
  if(M_TORCH)
    target_link_libraries(${M_LIBRARY} ${scope} zebra_torch)
    if(M_PCH)
      target_compile_options(${M_LIBRARY} PUBLIC ${M_OPTIONS})
      target_precompile_headers(${M_LIBRARY} PRIVATE ${ZEBRA_PCH} ${M_PCH})
    elseif(sources)
      target_precompile_headers(${M_LIBRARY} REUSE_FROM zebra_torch)
    endif()
  endif()

  if(ZEBRA_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${M_LIBRARY} zebra_test_main)
    set(processors 1)
    if(M_TORCH)
      if(M_PCH)
        zebra_reuse_precompiled(${name}_test ${M_LIBRARY})
      else()
        zebra_reuse_precompiled(${name}_test zebra_torch)
      endif()
      set(processors 2)
    endif()
    zebra_test(${name} ${processors} ${name}_test)
  endif()
endfunction()

if(ZEBRA_TESTS)
  add_library(zebra_fuzz_driver STATIC tests/fuzz/driver.cpp)
  target_include_directories(zebra_fuzz_driver PUBLIC ${CMAKE_SOURCE_DIR}/tests)
endif()

# fuzz_NAME of tests/fuzz/NAME_fuzz.cpp (and SOURCES): up to two seconds of changed inputs, the same in every run.
function(zebra_fuzz name library) # SOURCES..
  add_executable(fuzz_${name} tests/fuzz/${name}_fuzz.cpp ${ARGN})
  target_link_libraries(fuzz_${name} PRIVATE zebra_fuzz_driver ${library})
  zebra_test(fuzz_${name} 1 fuzz_${name} --runs 20000 --seconds 2)
endfunction()
