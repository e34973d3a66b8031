// What the kernels share: the tensor-core product and int32 arithmetic that wraps.
//
// `mma_16x8x32` is the only function that touches a tensor core. Its host twin (the emulation in
// tests/kernels/host) follows the same fragment layout lane by lane, PTX ISA 8.x, section
// "Matrix Fragments for mma.m16n8k32", with g = lane / 4 and t = lane % 4:
//
//   a[0]: row g,     k = 4t..4t+3        b0: k = 4t..4t+3,       column g
//   a[1]: row g + 8, k = 4t..4t+3        b1: k = 16+4t..16+4t+3, column g
//   a[2]: row g,     k = 16+4t..
//   a[3]: row g + 8, k = 16+4t..         d[0], d[1]: row g,     columns 2t, 2t + 1
//                                        d[2], d[3]: row g + 8, columns 2t, 2t + 1
//
// A dot product does not mind in which order its terms come, so the kernels give lane t sixteen
// neighbouring bytes of a vector (one 128-bit load) where the layout would want four words that
// lie 16 bytes apart; they do it on both sides alike.
#ifdef __CUDACC__
__device__ __forceinline__ void mma_16x8x32(
    int (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#endif

constexpr unsigned ALL_LANES = 0xffffffffu;

// NumPy's int32 wraps; signed overflow in C++ is undefined, unsigned is not.
__device__ __forceinline__ int wrapping_product(int a, int b) {
    return static_cast<int>(static_cast<unsigned>(a) * static_cast<unsigned>(b));
}

__device__ __forceinline__ int wrapping_sum(int a, int b) {
    return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
}
