// Runs a CUDA kernel on the host, one thread of execution for each CUDA thread.
//
// What is modelled: grids of up to two dimensions and blocks of one, barriers of a block and of a
// warp, shuffles, ballots and reductions under a mask, atomics, shared memory (poisoned before
// each block), and the tensor-core product by its fragment layout. Blocks run one after another.
// Threads are fibers that run until they wait, warp by warp, in forward, reverse or seeded random
// order; with -DEMULATION_THREADS they are threads of the operating system, for ThreadSanitizer,
// which sees no races between fibers. What is reported instead of computed: threads that wait at different
// operations, a barrier that some threads never reach, a lane outside its own mask.
//
// What is not modelled: timing, caches, memory order weaker than the host's, several blocks at
// once.
#ifndef CUDA_HOST_H
#define CUDA_HOST_H

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared")))
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emulation::dynamic_shared)

struct int2 { int x, y; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct uint3 { unsigned x, y, z; };
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
using std::max;
using std::min;

// The linker's names for the ends of the section that holds static shared memory.
extern "C" {
extern char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));
}

namespace emulation {

constexpr unsigned WARP = 32;
constexpr size_t STACK = 256 * 1024;
enum Order { FORWARD, REVERSE, RANDOM };

// A point where some threads wait for each other; `turn` counts how often all have come.
struct Meeting {
    unsigned long turn = 0;
    unsigned arrived = 0;
    std::string kind;
    std::mutex lock;
    std::condition_variable came;
};

struct Payload { unsigned words[6]; };

// What the lanes of a mask show each other; two sets, so that the next operation may begin
// before every lane has read the last.
struct Exchange {
    Meeting meeting;
    Payload shown[2][WARP];
};

struct Warp {
    std::mutex lock;
    std::map<unsigned, Exchange> by_mask;
};

struct Thread {
    uint3 thread, block;
    unsigned lane;
    Warp* warp;
    bool finished = false;
    const Meeting* waits_for = nullptr;
    unsigned long waits_turn = 0;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
};

struct Failure { std::string message; };

inline thread_local Thread* current = nullptr;
inline uint3 grid_size, block_size;
inline void* dynamic_shared = nullptr;
inline Meeting* block_barrier = nullptr;
inline ucontext_t scheduler;
inline std::mutex failure_lock;
inline std::string failure;

inline void switch_fiber(ucontext_t* from, ucontext_t* to, const void* bottom, size_t size) {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, bottom, size);
    swapcontext(from, to);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    (void)bottom, (void)size;
    swapcontext(from, to);
#endif
}

inline const void* scheduler_stack = nullptr;
inline size_t scheduler_stack_size = 0;

inline void yield_fiber() {
    switch_fiber(&current->context, &scheduler, scheduler_stack, scheduler_stack_size);
}

[[noreturn]] inline void fail(const std::string& message) {
    {
        const std::lock_guard<std::mutex> held(failure_lock);
        if (failure.empty()) failure = message;
    }
#if defined(EMULATION_THREADS)
    std::fprintf(stderr, "emulation: %s\n", message.c_str());
    std::_Exit(86);  // the others wait for this thread; there is no way to end them
#else
    for (;;) yield_fiber();  // never resumed
#endif
}

// `show` runs when it is certain that everybody comes to the same operation.
template <typename Show>
unsigned long meet(Meeting& meeting, const char* kind, unsigned expected, Show show) {
    std::unique_lock<std::mutex> held(meeting.lock);
    if (meeting.arrived == 0) meeting.kind = kind;
    if (meeting.kind != kind) {
        const std::string other = meeting.kind;
        held.unlock();
        fail("divergence: threads wait at " + other + " and at " + kind);
    }
    const unsigned long turn = meeting.turn;
    show(turn);
    if (++meeting.arrived == expected) {
        meeting.arrived = 0;
        ++meeting.turn;
        meeting.came.notify_all();
        return turn;
    }
#if defined(EMULATION_THREADS)
    const bool all = meeting.came.wait_for(
        held, std::chrono::seconds(60), [&] { return meeting.turn != turn; });
    held.unlock();
    if (!all) fail(std::string("divergence: not every thread comes to ") + kind);
#else
    current->waits_for = &meeting;
    current->waits_turn = turn;
    held.unlock();
    yield_fiber();
    current->waits_for = nullptr;
#endif
    return turn;
}

inline const Payload* exchange(unsigned mask, const char* kind, const Payload& own) {
    if (!(mask >> current->lane & 1u)) fail(std::string("a lane outside its own mask at ") + kind);
    Exchange* with = nullptr;
    {
        const std::lock_guard<std::mutex> held(current->warp->lock);
        with = &current->warp->by_mask[mask];
    }
    const auto show = [&](unsigned long turn) { with->shown[turn & 1][current->lane] = own; };
    const unsigned expected = static_cast<unsigned>(__builtin_popcount(mask));
    return with->shown[meet(with->meeting, kind, expected, show) & 1];
}

}  // namespace emulation

#define threadIdx (emulation::current->thread)
#define blockIdx (emulation::current->block)
#define blockDim (emulation::block_size)
#define gridDim (emulation::grid_size)

inline void __syncthreads() {
    emulation::meet(*emulation::block_barrier, "__syncthreads", emulation::block_size.x,
                    [](unsigned long) {});
}

inline void __syncwarp(unsigned mask = 0xffffffffu) {
    emulation::exchange(mask, "__syncwarp", {});
}

inline int __shfl_xor_sync(unsigned mask, int value, int distance) {
    const auto* shown = emulation::exchange(
        mask, "__shfl_xor_sync", {{static_cast<unsigned>(value)}});
    const unsigned from = emulation::current->lane ^ static_cast<unsigned>(distance);
    if (!(mask >> from & 1u)) emulation::fail("a shuffle from a lane outside the mask");
    return static_cast<int>(shown[from].words[0]);
}

inline unsigned __ballot_sync(unsigned mask, bool vote) {
    const auto* shown = emulation::exchange(mask, "__ballot_sync", {{vote ? 1u : 0u}});
    unsigned all = 0;
    for (unsigned lane = 0; lane < emulation::WARP; ++lane)
        if (mask >> lane & 1u) all |= shown[lane].words[0] << lane;
    return all;
}

inline int __reduce_add_sync(unsigned mask, int value) {
    const auto* shown = emulation::exchange(
        mask, "__reduce_add_sync", {{static_cast<unsigned>(value)}});
    unsigned sum = 0;
    for (unsigned lane = 0; lane < emulation::WARP; ++lane)
        if (mask >> lane & 1u) sum += shown[lane].words[0];
    return static_cast<int>(sum);
}

inline int __popc(unsigned value) { return __builtin_popcount(value); }

inline int atomicAdd(int* at, int value) { return __atomic_fetch_add(at, value, __ATOMIC_RELAXED); }

inline int atomicMax(int* at, int value) {
    int seen = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (seen < value && !__atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_RELAXED,
                                                        __ATOMIC_RELAXED)) {
    }
    return seen;
}

// The host twin of the tensor-core product: D (16x8) += A (16x32) * B (32x8), int8 into int32.
// Every element is looked up in the registers of the lane that the PTX ISA says holds it.
inline void mma_16x8x32(int (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    const auto* shown = emulation::exchange(
        0xffffffffu, "mma.m16n8k32", {{a[0], a[1], a[2], a[3], b0, b1}});
    const auto byte_of = [](unsigned word, int i) {
        return static_cast<int>(static_cast<signed char>(word >> (8 * i) & 0xffu));
    };
    const auto element_a = [&](int row, int k) {
        const int lane = 4 * (row % 8) + (k % 16) / 4;
        return byte_of(shown[lane].words[(row >= 8 ? 1 : 0) + (k >= 16 ? 2 : 0)], k % 4);
    };
    const auto element_b = [&](int k, int column) {
        const int lane = 4 * column + (k % 16) / 4;
        return byte_of(shown[lane].words[k >= 16 ? 5 : 4], k % 4);
    };
    const int group = static_cast<int>(emulation::current->lane) / 4;
    const int member = static_cast<int>(emulation::current->lane) % 4;
    for (int i = 0; i < 4; ++i) {
        const int row = i < 2 ? group : group + 8;
        const int column = 2 * member + (i & 1);
        for (int k = 0; k < 32; ++k) d[i] += element_a(row, k) * element_b(k, column);
    }
}

#include "launch.h"

#endif
