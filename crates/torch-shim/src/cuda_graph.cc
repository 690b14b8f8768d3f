// libtorch's CUDA graphs, looked up by name at run time: the program is built without CUDA, and runs where there is
// none.
//
// Only what crosses the call is declared here: at::cuda::CUDAGraph is constructed in memory that is larger than it, and
// a c10::cuda::CUDAStream is the one c10::Stream that it holds. The names are those of libtorch 2.11.0.
#include <c10/core/Stream.h>
#include <dlfcn.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "attempt.h"

namespace {

using Pool = std::pair<unsigned long long, unsigned long long>;  // c10::MempoolId_t
enum CaptureMode { Global = 0 };                                  // cudaStreamCaptureMode: no thread may synchronise

struct CudaStream {  // c10::cuda::CUDAStream
    c10::Stream stream;
};

// The function `name` in any loaded library.
template <typename Function>
Function* find(const char* name) {
    void* found = dlsym(RTLD_DEFAULT, name);
    if (found == nullptr) {
        throw std::runtime_error(std::string("this libtorch has no ") + name);
    }
    return reinterpret_cast<Function*>(found);
}

class Graph {
  public:
    // Shares the memory of `previous`, if there is one; `previous` must not be replayed any more.
    explicit Graph(const Graph* previous) {
        auto construct = find<void(void*, bool)>("_ZN2at4cuda9CUDAGraphC1Eb");
        destruct_ = find<void(void*)>("_ZN2at4cuda9CUDAGraphD1Ev");
        replay_ = find<void(void*)>("_ZN2at4cuda9CUDAGraph6replayEv");
        end_ = find<void(void*)>("_ZN2at4cuda9CUDAGraph11capture_endEv");
        auto begin = find<void(void*, Pool, CaptureMode)>(
            "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
        auto pool = find<Pool(void*)>("_ZN2at4cuda9CUDAGraph4poolEv");
        construct(storage_, false);
        constructed_ = true;
        begin(storage_, previous == nullptr ? Pool{0, 0} : pool(const_cast<unsigned char*>(previous->storage_)), Global);
    }
    ~Graph() {
        if (constructed_) {
            destruct_(storage_);
        }
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    void end() { end_(storage_); }
    void replay() { replay_(storage_); }

  private:
    alignas(std::max_align_t) unsigned char storage_[1024];  // of which libtorch 2.11.0 needs less than 256
    bool constructed_ = false;
    void (*destruct_)(void*) = nullptr;
    void (*replay_)(void*) = nullptr;
    void (*end_)(void*) = nullptr;
};

}  // namespace

// A stream of its own for this thread's work on GPU `index`: the default stream cannot be recorded.
extern "C" bool longtail_leave_the_default_stream(int8_t index, char* reason, size_t capacity) {
    return attempt(reason, capacity, [index] {
        auto set_device = find<void(c10::DeviceIndex, bool)>("_ZN3c104cuda10set_deviceEab");
        auto from_pool = find<CudaStream(bool, c10::DeviceIndex)>("_ZN3c104cuda17getStreamFromPoolEba");
        auto set_current = find<void(CudaStream)>("_ZN3c104cuda20setCurrentCUDAStreamENS0_10CUDAStreamE");
        set_device(index, false);
        set_current(from_pool(false, index));
    });
}

extern "C" void* longtail_graph_begin(const void* previous, char* reason, size_t capacity) {
    Graph* graph = nullptr;
    attempt(reason, capacity, [&graph, previous] { graph = new Graph(static_cast<const Graph*>(previous)); });
    return graph;
}

extern "C" bool longtail_graph_end(void* graph, char* reason, size_t capacity) {
    return attempt(reason, capacity, [graph] { static_cast<Graph*>(graph)->end(); });
}

extern "C" bool longtail_graph_replay(void* graph, char* reason, size_t capacity) {
    return attempt(reason, capacity, [graph] { static_cast<Graph*>(graph)->replay(); });
}

extern "C" void longtail_graph_free(void* graph) { delete static_cast<Graph*>(graph); }
