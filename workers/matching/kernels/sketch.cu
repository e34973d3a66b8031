// The sketch: scores of a batch of probes against every row, and the best of each partition.
//
//   gallery     int8 (rows, dimensions), dimensions a multiple of 32
//   partitions  int32 (rows): partition of each row; negative where the row must not be seen
//   probes      int8 (batch, dimensions)
//   scores      int32 (batch, rows): dot products, exact
//
// The selection keeps every visible row whose score is at least the k-th best of its partition,
// ties included. It is exact: the k-th best is found digit by digit from the top, each digit by
// a histogram for each (probe, partition). sketch_product counts the first digit as it goes;
// sketch_pick settles a digit; sketch_histogram counts the next; sketch_compact writes what is
// left. A key is score + bias, never negative.
//
// State of each (probe, partition): `prefix`, the digits settled; `wanted`, how many rows are
// still wanted among those that begin with them; `kept`, how many rows are kept so far.
//
// BINS and THREADS are defined by the compiler's command line.
#include "mma.cuh"

constexpr int COLUMNS = 4;  // tiles of 8 gallery rows that a warp handles at a time

// Word of a probe, 0 past the batch.
__device__ __forceinline__ unsigned probe_word(
    const unsigned* probes, int batch, int words, int probe, int word) {
    return probe < batch ? probes[static_cast<size_t>(probe) * words + word] : 0u;
}

// Lays the probes out as operands: uint4 (step, tile, lane), a step being 32 dimensions. Steps
// 2c and 2c + 1 share 64 dimensions, of which lane t of a group has 16 neighbouring ones; a last
// single step has 32, 8 to a lane.
template <int TILES>
__device__ __forceinline__ void stage_probes(
    const unsigned* probes, int batch, int dimensions, uint4* stage) {
    const int steps = dimensions / 32, words = dimensions / 4;
    for (int i = threadIdx.x; i < steps * TILES * 32; i += blockDim.x) {
        const int lane = i & 31, tile = (i >> 5) % TILES, step = (i >> 5) / TILES;
        const int upper = 16 * tile + (lane >> 2), member = lane & 3;
        const bool paired = (step | 1) < steps;
        const int word = paired ? 16 * (step >> 1) + 4 * member + 2 * (step & 1)
                                : 8 * step + 2 * member;
        stage[i] = make_uint4(probe_word(probes, batch, words, upper, word),
                              probe_word(probes, batch, words, upper + 8, word),
                              probe_word(probes, batch, words, upper, word + 1),
                              probe_word(probes, batch, words, upper + 8, word + 1));
    }
}

template <int TILES>
__device__ __forceinline__ void multiply_step(
    const uint4* stage, int lane, const unsigned (&b)[COLUMNS][2], int (&sums)[TILES][COLUMNS][4]) {
#pragma unroll
    for (int i = 0; i < TILES; ++i) {
        const uint4 words = stage[32 * i + lane];
        const unsigned a[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j) mma_16x8x32(sums[i][j], a, b[j][0], b[j][1]);
    }
}

// Scores of 8 * COLUMNS gallery rows from `first` on.
template <int TILES>
__device__ __forceinline__ void multiply_rows(
    const signed char* gallery, int first, int rows, int dimensions, const uint4* stage, int lane,
    int (&sums)[TILES][COLUMNS][4]) {
    const int group = lane >> 2, member = lane & 3;
    const signed char* from[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; ++j) {
        // Rows past the end read the last one; nobody looks at their sums.
        const int row = min(first + 8 * j + group, rows - 1);
        from[j] = gallery + static_cast<size_t>(row) * dimensions;
    }
    int at = 0;
    for (; at + 64 <= dimensions; at += 64) {
        unsigned even[COLUMNS][2], odd[COLUMNS][2];
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j) {
            const uint4 words = *reinterpret_cast<const uint4*>(from[j] + at + 16 * member);
            even[j][0] = words.x, even[j][1] = words.y, odd[j][0] = words.z, odd[j][1] = words.w;
        }
        multiply_step<TILES>(stage, lane, even, sums);
        multiply_step<TILES>(stage + 32 * TILES, lane, odd, sums);
        stage += 64 * TILES;
    }
    if (at < dimensions) {
        unsigned last[COLUMNS][2];
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j) {
            const uint2 words = *reinterpret_cast<const uint2*>(from[j] + at + 8 * member);
            last[j][0] = words.x, last[j][1] = words.y;
        }
        multiply_step<TILES>(stage, lane, last, sums);
    }
}

template <int TILES>
__device__ __forceinline__ void sketch_product(
    const signed char* gallery, const int* partitions, const unsigned* probes, int rows,
    int dimensions, int batch, int partition_count, int bias, int shift, int* scores,
    int* histogram, uint4* stage) {
    stage_probes<TILES>(probes, batch, dimensions, stage);
    __syncthreads();
    const int lane = threadIdx.x & 31;
    const int warp = (blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    const int warps = (gridDim.x * blockDim.x) >> 5;
    const int strips = (rows + 8 * COLUMNS - 1) / (8 * COLUMNS);
    for (int strip = warp; strip < strips; strip += warps) {
        const int first = strip * 8 * COLUMNS;
        int sums[TILES][COLUMNS][4] = {};
        multiply_rows<TILES>(gallery, first, rows, dimensions, stage, lane, sums);
#pragma unroll
        for (int j = 0; j < COLUMNS; ++j) {
#pragma unroll
            for (int column = 0; column < 2; ++column) {
                const int row = first + 8 * j + 2 * (lane & 3) + column;
                if (row >= rows) continue;
                const int partition = partitions[row];
#pragma unroll
                for (int i = 0; i < TILES; ++i) {
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const int probe = 16 * i + 8 * half + (lane >> 2);
                        if (probe >= batch) continue;
                        const int score = sums[i][j][2 * half + column];
                        scores[static_cast<size_t>(probe) * rows + row] = score;
                        if (partition < 0) continue;
                        const int cell = probe * partition_count + partition;
                        atomicAdd(&histogram[static_cast<size_t>(cell) * BINS +
                                             ((score + bias) >> shift)], 1);
                    }
                }
            }
        }
    }
}

// Kernels by the number of tiles of 16 probes. Dynamic shared memory: 16 * tiles * dimensions.
#define SKETCH_PRODUCT(name, tiles)                                                             \
    extern "C" __global__ void __launch_bounds__(THREADS) name(                                 \
        const signed char* gallery, const int* partitions, const unsigned* probes, int rows,    \
        int dimensions, int batch, int partition_count, int bias, int shift, int* scores,       \
        int* histogram) {                                                                       \
        DYNAMIC_SHARED(uint4, stage);                                                           \
        sketch_product<tiles>(gallery, partitions, probes, rows, dimensions, batch,             \
                              partition_count, bias, shift, scores, histogram, stage);          \
    }

SKETCH_PRODUCT(sketch_product_1, 1)
SKETCH_PRODUCT(sketch_product_2, 2)
SKETCH_PRODUCT(sketch_product_4, 4)

// Counts the digit at `shift`, `width` bits, of rows that begin with the digits settled.
// blockIdx.y is the probe.
extern "C" __global__ void __launch_bounds__(THREADS) sketch_histogram(
    const int* scores, const int* partitions, int rows, int partition_count, int bias, int shift,
    int width, const int* prefix, int* histogram) {
    const int probe = blockIdx.y;
    for (int row = blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += gridDim.x * blockDim.x) {
        const int partition = partitions[row];
        if (partition < 0) continue;
        const int key = scores[static_cast<size_t>(probe) * rows + row] + bias;
        const int cell = probe * partition_count + partition;
        if ((key >> (shift + width)) != prefix[cell]) continue;
        atomicAdd(&histogram[static_cast<size_t>(cell) * BINS + ((key >> shift) & ((1 << width) - 1))], 1);
    }
}

// Settles one digit of one (probe, partition) for each block of THREADS threads, and empties
// its histogram. Where fewer rows are left than wanted the digit is 0 and all stay; where none is
// wanted nothing is settled and nothing kept.
extern "C" __global__ void __launch_bounds__(THREADS) sketch_pick(
    int* histogram, int width, int is_last, int* prefix, int* wanted, int* kept) {
    constexpr int EACH = BINS / THREADS;
    __shared__ int sums[THREADS];
    const int cell = blockIdx.x, thread = threadIdx.x;
    int* bins = histogram + static_cast<size_t>(cell) * BINS;
    const int top = BINS - 1 - thread * EACH;  // thread 0 has the highest bins
    int counts[EACH];
    int own = 0;
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        counts[i] = bins[top - i];
        bins[top - i] = 0;
        own += counts[i];
    }
    sums[thread] = own;
    __syncthreads();
    for (int reach = 1; reach < THREADS; reach *= 2) {
        const int more = thread >= reach ? sums[thread - reach] : 0;
        __syncthreads();
        sums[thread] += more;
        __syncthreads();
    }
    const int still = wanted[cell];
    __syncthreads();  // every thread has read the old value before one of them changes it
    int above = sums[thread] - own;
    // The thread whose bins hold the last row wanted; the last thread where there is no such row.
    if (above >= still || (still > above + own && thread != THREADS - 1)) return;
    int digit = 0, own_bin = 0;
    bool found = false;
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        if (found) continue;
        if (above + counts[i] >= still || i == EACH - 1) {
            found = true;
            digit = top - i;
            own_bin = counts[i];
        } else {
            above += counts[i];
        }
    }
    prefix[cell] = (prefix[cell] << width) | digit;
    wanted[cell] = still - above;
    kept[cell] += above + (is_last ? own_bin : 0);
}

// Writes the rows kept, in no particular order, from offsets[probe] on. blockIdx.y is the probe.
extern "C" __global__ void __launch_bounds__(THREADS) sketch_compact(
    const int* scores, const int* partitions, const int* keep, int rows, int partition_count,
    int bias, const int* threshold, const int* offsets, int* cursor, int* kept_rows,
    int* kept_scores) {
    const int probe = blockIdx.y;
    for (int row = blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += gridDim.x * blockDim.x) {
        const int partition = partitions[row];
        if (partition < 0 || keep[partition] <= 0) continue;
        const int score = scores[static_cast<size_t>(probe) * rows + row];
        if (score + bias < threshold[probe * partition_count + partition]) continue;
        const int place = offsets[probe] + atomicAdd(&cursor[probe], 1);
        kept_rows[place] = row;
        kept_scores[place] = score;
    }
}
