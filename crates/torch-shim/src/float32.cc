// cuDNN computes f32 convolutions in TF32, with 11 bits of mantissa, unless that is switched off.
#include <ATen/Context.h>

extern "C" void longtail_full_float32() { at::globalContext().setAllowTF32CuDNN(false); }

extern "C" bool longtail_is_float32_full() { return !at::globalContext().allowTF32CuDNN() && !at::globalContext().allowTF32CuBLAS(); }
