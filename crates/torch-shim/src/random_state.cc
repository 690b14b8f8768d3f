// The state of libtorch's random generators: tch can seed them, but not say where they are.
#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <cstring>
#include <mutex>

namespace {

// The generator of GPU `gpu`, or of the CPU if it is negative.
const at::Generator& generator(int64_t gpu) {
    const auto device = gpu < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(gpu));
    return at::globalContext().defaultGenerator(device);
}

}  // namespace

// Copies the state to `bytes` if `room` is enough; returns its size, or -1 if there is no such generator.
extern "C" int64_t longtail_random_state(int64_t gpu, uint8_t* bytes, int64_t room) noexcept {
    try {
        auto one = generator(gpu);
        std::lock_guard<std::mutex> lock(one.mutex());
        const at::Tensor state = one.get_state();
        if (state.numel() <= room) {
            std::memcpy(bytes, state.const_data_ptr<uint8_t>(), state.numel());
        }
        return state.numel();
    } catch (...) {
        return -1;
    }
}

// Whether the generator took the state: false if it has another size or form.
extern "C" bool longtail_set_random_state(int64_t gpu, const uint8_t* bytes, int64_t size) noexcept {
    try {
        auto one = generator(gpu);
        at::Tensor state = at::empty({size}, at::kByte);
        std::memcpy(state.mutable_data_ptr<uint8_t>(), bytes, size);
        std::lock_guard<std::mutex> lock(one.mutex());
        one.set_state(state);
        return true;
    } catch (...) {
        return false;
    }
}
