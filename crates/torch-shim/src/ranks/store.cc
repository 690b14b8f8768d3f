// The store of c10d, in which ranks find each other. libtorch offers it in C++ only.
#include <c10/util/Flags.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "../attempt.h"

C10_DECLARE_int(caffe2_log_level);

namespace {

using StorePointer = c10::intrusive_ptr<c10d::TCPStore>;

c10d::TCPStore& store_of(void* store) { return **static_cast<StorePointer*>(store); }

// Without c10d's warnings, which print its stack: that a store has ended with its rank is said in the exception too.
template <typename Work>
bool attempt_quietly(char* reason, size_t capacity, Work work) {
    const int level = FLAGS_caffe2_log_level;
    FLAGS_caffe2_log_level = std::max(level, 2);  // errors only
    const bool done = attempt(reason, capacity, work);
    FLAGS_caffe2_log_level = level;
    return done;
}

}  // namespace

// A client of the store at `host`, and its server too if `listener` is a listening socket, which it takes over.
extern "C" void* longtail_store_connect(const char* host, uint16_t port, int listener, int64_t milliseconds, char* reason,
                                        size_t capacity) {
    StorePointer* store = nullptr;
    attempt_quietly(reason, capacity, [&] {
        c10d::TCPStoreOptions options;
        options.port = port;
        options.isServer = listener >= 0;
        if (options.isServer) {
            options.masterListenFd = listener;
        }
        options.waitWorkers = false;
        options.timeout = std::chrono::milliseconds(milliseconds);
        store = new StorePointer(c10::make_intrusive<c10d::TCPStore>(host, options));
    });
    return store;
}

extern "C" bool longtail_store_set(void* store, const char* key, const uint8_t* value, size_t length, char* reason,
                                   size_t capacity) {
    return attempt_quietly(reason, capacity, [&] { store_of(store).set(key, std::vector<uint8_t>(value, value + length)); });
}

// Adds to the counter `key`, which begins at 0, and writes the sum to `total`.
extern "C" bool longtail_store_add(void* store, const char* key, int64_t amount, int64_t* total, char* reason,
                                   size_t capacity) {
    return attempt_quietly(reason, capacity, [&] { *total = store_of(store).add(key, amount); });
}

// Writes the length of the value to `length`, -1 if there is none, and as much of the value as fits to `value`.
extern "C" bool longtail_store_get(void* store, const char* key, uint8_t* value, size_t room, int64_t* length,
                                   char* reason, size_t capacity) {
    return attempt_quietly(reason, capacity, [&] {
        *length = -1;
        if (!store_of(store).check({key})) {
            return;
        }
        const std::vector<uint8_t> stored = store_of(store).get(key);
        *length = static_cast<int64_t>(stored.size());
        std::memcpy(value, stored.data(), std::min(room, stored.size()));
    });
}

extern "C" void longtail_store_free(void* store) { delete static_cast<StorePointer*>(store); }
