# The CPU kernels are compiled once per instruction set (src/kernels/cpu/*.h in each of these units); the program
# chooses at run time.
set(kernel_options -O3 -fno-math-errno -ffp-contract=fast -Wno-psabi)
set(folder ${CMAKE_SOURCE_DIR}/src/kernels/cpu)
set_source_files_properties(${folder}/baseline.cpp PROPERTIES COMPILE_OPTIONS "${kernel_options}")
set_source_files_properties(${folder}/avx2.cpp PROPERTIES COMPILE_OPTIONS "${kernel_options};-mavx2;-mfma")
set_source_files_properties(${folder}/avx512.cpp PROPERTIES COMPILE_OPTIONS
  "${kernel_options};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mfma;-mprefer-vector-width=512")
