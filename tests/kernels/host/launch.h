// Launches kernels by name: the half of the emulation that the tests call.
#ifndef CUDA_HOST_LAUNCH_H
#define CUDA_HOST_LAUNCH_H

#include "cuda_host.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace emulation {

inline const std::function<void()>* body = nullptr;

// Not instrumented: between the arrays lie the sanitizer's red zones.
__attribute__((no_sanitize("address", "thread"))) inline void poison_shared() {
    for (volatile char* at = __start_cuda_shared; at < __stop_cuda_shared; ++at)
        *at = static_cast<char>(0xa5);
}

inline std::vector<unsigned> permutation(unsigned count, int order, std::mt19937& random) {
    std::vector<unsigned> indices(count);
    for (unsigned i = 0; i < count; ++i) indices[i] = order == REVERSE ? count - 1 - i : i;
    if (order == RANDOM) std::shuffle(indices.begin(), indices.end(), random);
    return indices;
}

#if defined(EMULATION_THREADS)

inline void run_threads(std::vector<Thread>& threads, int order, std::mt19937& random) {
    std::vector<std::thread> running;
    for (const unsigned i : permutation(threads.size(), order, random))
        running.emplace_back([&threads, i] {
            current = &threads[i];
            (*body)();
        });
    for (auto& thread : running) thread.join();
}

#else

inline void fiber_main() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_size);
#endif
    (*body)();
    current->finished = true;
    for (;;) yield_fiber();
}

// Resumes each thread of a warp that does not wait; whether there was one.
inline bool run_warp(Thread* threads, int order, std::mt19937& random) {
    bool moved = false;
    for (const unsigned i : permutation(WARP, order, random)) {
        Thread& thread = threads[i];
        if (thread.finished) continue;
        if (thread.waits_for && thread.waits_for->turn == thread.waits_turn) continue;
        current = &thread;
        switch_fiber(&scheduler, &thread.context, thread.stack.get(), STACK);
        moved = true;
        if (!failure.empty()) break;
    }
    return moved;
}

inline void run_threads(std::vector<Thread>& threads, int order, std::mt19937& random) {
    for (auto& thread : threads) {
        thread.stack.reset(new char[STACK]);
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.get();
        thread.context.uc_stack.ss_size = STACK;
        makecontext(&thread.context, fiber_main, 0);
    }
    // A warp runs as far as it can before the next one starts, so that what a missing barrier
    // lets it see is not yet there.
    const unsigned warps = threads.size() / WARP;
    for (bool moved = true; moved;) {
        moved = false;
        for (const unsigned warp : permutation(warps, order, random)) {
            while (run_warp(&threads[warp * WARP], order, random)) {
                moved = true;
                if (!failure.empty()) return;
            }
        }
    }
    for (const Thread& thread : threads) {
        if (thread.finished) continue;
        failure = "divergence: not every thread comes to " + thread.waits_for->kind;
        return;
    }
}

#endif

inline void run_block(uint3 block, size_t shared_bytes, int order, std::mt19937& random) {
    // Exactly as large as asked for, so that a sanitizer sees a step too far.
    void* memory = nullptr;
    if (shared_bytes && posix_memalign(&memory, 16, shared_bytes)) std::abort();
    if (memory) std::memset(memory, 0xa5, shared_bytes);
    const std::unique_ptr<void, decltype(&std::free)> owned(memory, &std::free);
    dynamic_shared = memory;
    poison_shared();
    Meeting barrier;
    block_barrier = &barrier;
    std::vector<Warp> warps(block_size.x / WARP);
    std::vector<Thread> threads(block_size.x);
    for (unsigned i = 0; i < block_size.x; ++i) {
        threads[i].thread = {i, 0, 0};
        threads[i].block = block;
        threads[i].lane = i % WARP;
        threads[i].warp = &warps[i / WARP];
    }
    run_threads(threads, order, random);
}

using Launcher = std::function<void(void**)>;

struct Kernel {
    std::string signature;
    Launcher call;
};

inline std::map<std::string, Kernel>& kernels() {
    static std::map<std::string, Kernel> all;
    return all;
}

template <typename... A, size_t... I>
Kernel described(void (*kernel)(A...), std::index_sequence<I...>) {
    std::string signature;
    ((signature += std::is_pointer_v<A> ? 'p' : 'i'), ...);
    return {signature, [kernel](void** values) { kernel(*static_cast<A*>(values[I])...); }};
}

template <typename... A>
bool enlist(const char* name, void (*kernel)(A...)) {
    kernels()[name] = described(kernel, std::index_sequence_for<A...>{});
    return true;
}

}  // namespace emulation

#define EMULATED(name) static const bool enlisted_##name = emulation::enlist(#name, name)

// Returns what went wrong, or null. `signature` is a letter for each argument, p or i.
EXPORTED const char* emulation_launch(
    const char* name, unsigned grid_x, unsigned grid_y, unsigned block, size_t shared_bytes,
    const char* signature, void** values, int order, unsigned seed) {
    using namespace emulation;
    failure.clear();
    const auto found = kernels().find(name);
    if (found == kernels().end()) {
        failure = std::string("no kernel ") + name;
    } else if (found->second.signature != signature) {
        failure = std::string("arguments ") + signature + " where " + name + " takes " +
                  found->second.signature;
    } else if (block == 0 || block % WARP != 0) {
        failure = "a block of whole warps is needed";
    } else {
        const std::function<void()> call = [&] { found->second.call(values); };
        body = &call;
        grid_size = {grid_x, grid_y, 1};
        block_size = {block, 1, 1};
        std::mt19937 random(seed);
        for (const unsigned i : permutation(grid_x * grid_y, order, random)) {
            run_block({i % grid_x, i / grid_x, 0}, shared_bytes, order, random);
            if (!failure.empty()) break;
        }
    }
    return failure.empty() ? nullptr : failure.c_str();
}

// Device memory, exactly as large as asked for and poisoned.
EXPORTED void* emulation_allocate(size_t bytes) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 16, bytes ? bytes : 1)) return nullptr;
    std::memset(memory, 0xa5, bytes);
    return memory;
}

EXPORTED void emulation_free(void* memory) { std::free(memory); }

#endif
