#define ZEBRA_ISA avx2
#define ZEBRA_ISA_NAME "avx2"
#define ZEBRA_VECTOR_BYTES 32
#include "kernels/cpu/table.h"
