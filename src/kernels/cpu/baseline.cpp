#define ZEBRA_ISA baseline
#define ZEBRA_ISA_NAME "baseline"
#define ZEBRA_VECTOR_BYTES 16
#include "kernels/cpu/table.h"
