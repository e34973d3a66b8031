// The fused screen: one warp compares one probe print with one gallery finger after another.
//
// For each probe minutia the best similarity over the finger's minutiae (int8 tensor-core
// product, gate on the turn, maximum, floor 0), normalised by the probe minutia's own impostor
// mean and deviation, mean of the n largest, normalised again: workers/matching/screen.py, bit
// for bit. Similarities live in registers; what reaches memory is one int32 a finger.
//
// Gallery of one finger position, structure of arrays:
//   descriptors  int8 (tiles * 8, 64): each finger padded with zeros to whole tiles of 8 minutiae
//   sectors      uint8 (tiles * 8): angle sector 0-15; 0 in the padding, which cannot score
//   first_tile   int32 (fingers + 1)
//   counts       uint8 (fingers): minutiae
//   rows         int32 (fingers): encounter
// Probe print of `minutiae` minutiae, padded with zeros to 16 * tiles rows:
//   descriptors  int8 (rows, 64)
//   forbidden    uint32 (rows): bit s set where sector s must not be met
//   normal       int32 (rows, 2): impostor mean and reciprocal deviation
//   plan         int32 (3, 256), by the gallery finger's count: how many of the best are taken,
//                reciprocal of the number they are divided by, impostor mean of the average
//
// CLIP, SHIFT and NOT_COMPARED are defined by the compiler's command line, from screen.py.
#include "mma.cuh"

struct Gallery {
    const uint4* descriptors;
    const unsigned char* sectors;
    const int* first_tile;
    const unsigned char* counts;
    const int* rows;
};

struct Probe {
    const uint4* descriptors;
    const unsigned* forbidden;
    const int2* normal;  // shared memory
    const int* plan;     // shared memory
    int minutiae;
    int score_inverse;
};

constexpr int COUNTS = 256;  // a finger has at most 255 minutiae
constexpr int AHEAD = 4;     // gallery tiles a warp loads before it works on them
constexpr int VALUE_BITS = 16;
constexpr int GATE_BIT = 15;
static_assert(2 * CLIP + 1 < (1 << VALUE_BITS), "normalised values must fit the search below");

// The operand of TILES * 16 probe minutiae; stays in registers while fingers stream past.
template <int TILES>
struct Operand {
    unsigned a[TILES][2][4];
    unsigned open[TILES][2];  // bit GATE_BIT + s is clear where sector s must not be met

    __device__ __forceinline__ void load(const Probe& probe, int first_row, int group, int member) {
#pragma unroll
        for (int i = 0; i < TILES; ++i) {
            const int row = first_row + 16 * i + group;
            const uint4 upper = probe.descriptors[4 * row + member];
            const uint4 lower = probe.descriptors[4 * (row + 8) + member];
            a[i][0][0] = upper.x, a[i][0][1] = lower.x, a[i][0][2] = upper.y, a[i][0][3] = lower.y;
            a[i][1][0] = upper.z, a[i][1][1] = lower.z, a[i][1][2] = upper.w, a[i][1][3] = lower.w;
            open[i][0] = ~(probe.forbidden[row] << GATE_BIT);
            open[i][1] = ~(probe.forbidden[row + 8] << GATE_BIT);
        }
    }
};

// Raises `best` to the similarities, less 1, of one tile of 8 gallery minutiae.
//
// The gate rides in the product's accumulator, which starts at -1 where two minutiae may meet
// and at -1 - 2**(GATE_BIT + sector) where they may not: one logical operation a similarity, as
// cheap as starting from 0. Similarities stay below 2**GATE_BIT, so none that is forbidden wins.
template <int TILES>
__device__ __forceinline__ void meet_tile(
    const Operand<TILES>& probe, const uint4& gallery, unsigned sectors, int (&best)[TILES][2]) {
    const unsigned left = ~((1u << GATE_BIT) << (sectors & 0xffu));
    const unsigned right = ~((1u << GATE_BIT) << (sectors >> 8));
#pragma unroll
    for (int i = 0; i < TILES; ++i) {
        const unsigned upper = probe.open[i][0], lower = probe.open[i][1];
        int alike[4] = {static_cast<int>(upper | left), static_cast<int>(upper | right),
                        static_cast<int>(lower | left), static_cast<int>(lower | right)};
        mma_16x8x32(alike, probe.a[i][0], gallery.x, gallery.y);
        mma_16x8x32(alike, probe.a[i][1], gallery.z, gallery.w);
        best[i][0] = max(best[i][0], max(alike[0], alike[1]));
        best[i][1] = max(best[i][1], max(alike[2], alike[3]));
    }
}

// The sum of the `taken` largest of the warp's values, each 1 to 2 * CLIP + 1, or 0 for none.
// The smallest value taken is found bit by bit; its ties count as often as they are needed.
template <int SLOTS>
__device__ __forceinline__ int sum_of_largest(const unsigned (&values)[SLOTS], int taken) {
    unsigned least = 0;
#pragma unroll
    for (int bit = VALUE_BITS - 1; bit >= 0; --bit) {
        const unsigned trial = least | (1u << bit);
        int reached = 0;
#pragma unroll
        for (int s = 0; s < SLOTS; ++s)
            reached += __popc(__ballot_sync(ALL_LANES, values[s] >= trial));
        if (reached >= taken) least = trial;
    }
    int sum = 0, above = 0;
#pragma unroll
    for (int s = 0; s < SLOTS; ++s) {
        if (values[s] > least) {
            sum += static_cast<int>(values[s]);
            above += 1;
        }
    }
    sum = __reduce_add_sync(ALL_LANES, sum);
    above = __reduce_add_sync(ALL_LANES, above);
    return sum + (taken - above) * static_cast<int>(least);
}

template <int TILES, int CHUNKS>
__device__ __forceinline__ int screen_finger(
    const Gallery& gallery, const Probe& probe, Operand<TILES>& operand, int finger, int lane) {
    const int group = lane >> 2, member = lane & 3;
    const int count = gallery.counts[finger];
    int average = 0;
    if (count > 0 && probe.minutiae > 0) {
        const int first_tile = gallery.first_tile[finger];
        const int tiles = gallery.first_tile[finger + 1] - first_tile;
        const uint4* descriptors = gallery.descriptors + static_cast<size_t>(first_tile) * 32 + lane;
        const unsigned short* sectors =
            reinterpret_cast<const unsigned short*>(gallery.sectors) +
            static_cast<size_t>(first_tile) * 4 + member;
        constexpr int SLOTS = 2 * ((TILES * CHUNKS + 3) / 4);
        // Slot 2j + h of a lane will hold minutia (4j + member) * 16 + 8h + group.
        int mine[SLOTS] = {};
#pragma unroll
        for (int chunk = 0; chunk < CHUNKS; ++chunk) {
            if (CHUNKS > 1) operand.load(probe, chunk * TILES * 16, group, member);
            int best[TILES][2];
#pragma unroll
            for (int i = 0; i < TILES; ++i) best[i][0] = best[i][1] = -1;  // similarity 0
            for (int tile = 0; tile < tiles; tile += AHEAD) {
                uint4 loaded[AHEAD];
                unsigned loaded_sectors[AHEAD];
#pragma unroll
                for (int j = 0; j < AHEAD; ++j) {
                    if (tile + j < tiles) {
                        loaded[j] = descriptors[(tile + j) * 32];
                        loaded_sectors[j] = sectors[(tile + j) * 4];
                    }
                }
#pragma unroll
                for (int j = 0; j < AHEAD; ++j) {
                    if (tile + j < tiles) meet_tile(operand, loaded[j], loaded_sectors[j], best);
                }
            }
#pragma unroll
            for (int i = 0; i < TILES; ++i) {
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    int value = best[i][half];
                    value = max(value, __shfl_xor_sync(ALL_LANES, value, 1));
                    value = max(value, __shfl_xor_sync(ALL_LANES, value, 2));
                    const int whole = chunk * TILES + i;
                    if ((whole & 3) == member) mine[2 * (whole >> 2) + half] = value + 1;
                }
            }
        }
        unsigned values[SLOTS];
#pragma unroll
        for (int s = 0; s < SLOTS; ++s) {
            const int minutia = (4 * (s >> 1) + member) * 16 + 8 * (s & 1) + group;
            values[s] = 0;
            if (minutia < probe.minutiae) {
                const int2 normal = probe.normal[minutia];
                const int above = wrapping_product(mine[s] - normal.x, normal.y) >> SHIFT;
                values[s] = static_cast<unsigned>(min(max(above, -CLIP), CLIP) + CLIP + 1);
            }
        }
        const int taken = probe.plan[count];
        const int total = sum_of_largest(values, taken) - taken * (CLIP + 1);
        average = wrapping_product(total, probe.plan[COUNTS + count]) >> SHIFT;
    }
    return wrapping_product(average - probe.plan[2 * COUNTS + count], probe.score_inverse) >> SHIFT;
}

template <int TILES, int CHUNKS>
__device__ __forceinline__ void screen_fingers(
    const Gallery& gallery, const Probe& probe, int first, int last, int* best) {
    const int lane = threadIdx.x & 31;
    const int warp = (blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    const int warps = (gridDim.x * blockDim.x) >> 5;
    Operand<TILES> operand;
    if (CHUNKS == 1) operand.load(probe, 0, lane >> 2, lane & 3);
    for (int finger = first + warp; finger < last; finger += warps) {
        const int score = screen_finger<TILES, CHUNKS>(gallery, probe, operand, finger, lane);
        // Several prints of one finger: the best pair counts.
        if (lane == 0) atomicMax(&best[gallery.rows[finger]], score);
    }
}

// Kernels by the number of probe tiles that they have room for. Raises best[rows[f]] to the
// score of each finger f from `first` up to `last`; blocks are whole warps, at most 128 threads.
#define SCREEN_KERNEL(name, tiles, chunks)                                                      \
    extern "C" __global__ void __launch_bounds__(128) name(                                     \
        const uint4* descriptors, const unsigned char* sectors, const int* first_tile,          \
        const unsigned char* counts, const int* rows, const uint4* probe_descriptors,           \
        const unsigned* forbidden, const int2* normal, const int* plan, int minutiae,           \
        int score_inverse, int first, int last, int* best) {                                    \
        __shared__ int2 near_normal[16 * tiles * chunks];                                       \
        __shared__ int near_plan[3 * COUNTS];                                                   \
        for (int i = threadIdx.x; i < minutiae; i += blockDim.x) near_normal[i] = normal[i];    \
        for (int i = threadIdx.x; i < 3 * COUNTS; i += blockDim.x) near_plan[i] = plan[i];      \
        __syncthreads();                                                                        \
        const Gallery gallery = {descriptors, sectors, first_tile, counts, rows};               \
        const Probe probe = {probe_descriptors, forbidden, near_normal,                         \
                             near_plan, minutiae, score_inverse};                               \
        screen_fingers<tiles, chunks>(gallery, probe, first, last, best);                       \
    }

SCREEN_KERNEL(screen_1, 1, 1)
SCREEN_KERNEL(screen_2, 2, 1)
SCREEN_KERNEL(screen_3, 3, 1)
SCREEN_KERNEL(screen_4, 4, 1)
SCREEN_KERNEL(screen_6, 6, 1)
SCREEN_KERNEL(screen_8, 8, 1)
SCREEN_KERNEL(screen_16, 8, 2)  // past 128 minutiae a finger is read twice, from cache

// Adds one position's best scores to the rows' totals and makes `best` ready for the next.
extern "C" __global__ void __launch_bounds__(128) screen_fold(int* best, int* total, int rows) {
    for (int row = blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += gridDim.x * blockDim.x) {
        const int score = best[row];
        if (score > NOT_COMPARED) {
            const int before = total[row];
            total[row] = before == NOT_COMPARED ? score : wrapping_sum(before, score);
            best[row] = NOT_COMPARED;
        }
    }
}
