find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(zebra_zstd INTERFACE)
target_link_libraries(zebra_zstd INTERFACE ${ZSTD_LIBRARY})
if(ZEBRA_TESTS)
  find_package(GTest REQUIRED)
  enable_testing()
endif()

# torch: -DTORCH_ROOT=folder of the Python package, else the one that python3 finds, else the project's .venv
# (scripts/ makes it).
set(torch)
foreach(python python3 ${CMAKE_SOURCE_DIR}/.venv/bin/python)
  execute_process(COMMAND ${python} ${CMAKE_SOURCE_DIR}/cmake/find_torch.py ${TORCH_ROOT} RESULT_VARIABLE failed
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_VARIABLE reason)
  if(failed)
    string(APPEND reasons "  ${reason}")
  else()
    set(torch ${found})
    break()
  endif()
endforeach()
if(NOT torch)
  message(FATAL_ERROR "no usable torch: run scripts/zebra once (it installs one), or pass -DTORCH_ROOT=FOLDER\n${reasons}")
endif()
list(GET torch 0 TORCH_FOLDER)
list(GET torch 1 TORCH_VERSION)
list(GET torch 2 TORCH_CUDA)

# The CUDA backend is built where nvcc and a torch with CUDA both exist.
find_program(NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda/bin)
set(ZEBRA_CUDA OFF)
if(NVCC AND NOT TORCH_CUDA STREQUAL none)
  set(ZEBRA_CUDA ON)
endif()
if(ZEBRA_REQUIRE_CUDA AND NOT ZEBRA_CUDA)
  message(FATAL_ERROR "this preset needs nvcc and a torch built with CUDA: found nvcc: ${NVCC}; torch ${TORCH_VERSION} "
                      "(CUDA: ${TORCH_CUDA}) in ${TORCH_FOLDER}. Put nvcc on PATH, install a CUDA torch, or use the preset cpu.")
endif()
file(GLOB cuda_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*/cuda/*.cu ${CMAKE_SOURCE_DIR}/src/*/cuda/*/*.cu)
if(ZEBRA_CUDA OR (NVCC AND cuda_kernels))
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake 3.25 does not know that nvcc can
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
endif()
message(STATUS "torch ${TORCH_VERSION} in ${TORCH_FOLDER}, CUDA backend: ${ZEBRA_CUDA}")

# torch's own CMake package is not used: it fails where a torch with CUDA meets a machine without CUDA, and it
# overrides CUDA architectures. Headers and libraries are all that is needed.
add_library(zebra_libtorch INTERFACE)
target_include_directories(zebra_libtorch SYSTEM INTERFACE ${TORCH_FOLDER}/include)
set(libraries torch_cpu c10)
if(ZEBRA_CUDA)
  find_package(CUDAToolkit REQUIRED)
  target_link_libraries(zebra_libtorch INTERFACE CUDA::cudart)
  list(PREPEND libraries torch_cuda c10_cuda)
endif()
foreach(library ${libraries})
  add_library(zebra_${library} SHARED IMPORTED)
  set_target_properties(zebra_${library} PROPERTIES IMPORTED_LOCATION ${TORCH_FOLDER}/lib/lib${library}.so)
  target_link_libraries(zebra_libtorch INTERFACE zebra_${library})
endforeach()
# torch shares its libstdc++ with us. A compiler that links its own copy statically would make two of them, and locales
# freed by the other one abort the program at its end: named first, the shared one serves every symbol.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.so.6 OUTPUT_VARIABLE shared_stdlib
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(EXISTS ${shared_stdlib})
  target_link_libraries(zebra_libtorch INTERFACE ${shared_stdlib})
endif()
# at::parallel_for is a template: compiled without OpenMP it runs on one thread and says nothing. The runtime must be
# the one that torch brings along, or two pools of threads would compete for the cores.
target_compile_options(zebra_libtorch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp>")
file(GLOB openmp ${TORCH_FOLDER}/lib/libgomp*.so* ${TORCH_FOLDER}/../torch.libs/libgomp*.so*)
if(openmp)
  list(GET openmp 0 openmp)
else()
  set(openmp gomp)
endif()
target_link_libraries(zebra_libtorch INTERFACE ${openmp})
# Nothing names a symbol of torch_cuda directly (operators register themselves as it loads), and the libraries that
# torch brings along are found by its own run path, not by the linker.
target_link_options(zebra_libtorch INTERFACE LINKER:--no-as-needed LINKER:--allow-shlib-undefined)
