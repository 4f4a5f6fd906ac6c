#define ZEBRA_ISA avx512
#define ZEBRA_ISA_NAME "avx512"
#define ZEBRA_VECTOR_BYTES 64
#include "kernels/cpu/table.h"
