// Counts the operators that make the host wait for the device: on a GPU each one lets the queue of kernels run dry.
#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

namespace {

// The host needs the values or sizes of their results. item() and Boolean indices end in the first two.
constexpr std::string_view READERS[] = {
    "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_dim",
    "aten::unique_consecutive", "aten::repeat_interleave", "aten::equal", "aten::bincount",
};

std::atomic<int64_t> reads{0};

std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
    const std::string_view name = function.name();
    for (const auto& reader : READERS) {
        if (name == reader) {
            ++reads;
        }
    }
    return nullptr;
}

}  // namespace

extern "C" uint64_t longtail_observe_host_reads() {
    return at::addGlobalCallback(at::RecordFunctionCallback(count).scopes({at::RecordScope::FUNCTION}));
}

extern "C" void longtail_forget_host_reads(uint64_t handle) { at::removeCallback(handle); }

extern "C" int64_t longtail_host_reads() { return reads; }
