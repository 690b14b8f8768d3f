// Calls from Rust, which exceptions must not reach.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>

// Runs `work`; if it fails, writes why to `reason`, of `capacity` bytes.
template <typename Work>
bool attempt(char* reason, size_t capacity, Work work) {
    try {
        work();
        return true;
    } catch (const std::exception& error) {
        std::strncpy(reason, error.what(), capacity - 1);
        reason[capacity - 1] = '\0';
        return false;
    }
}
