// A sum over ranks that autograd differentiates: a function of one's own can be defined in C++ only.
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

#include "../attempt.h"

namespace {

// Sums `tensor` over all ranks in place; writes why it could not to `reason`.
using SumInPlace = bool (*)(const void* ranks, at::Tensor* tensor, char* reason, size_t capacity);
using Release = void (*)(const void* ranks);

struct Summation : torch::CustomClassHolder {
    const void* ranks;
    SumInPlace sum_in_place;
    Release release;

    Summation(const void* ranks, SumInPlace sum_in_place, Release release)
        : ranks(ranks), sum_in_place(sum_in_place), release(release) {}
    ~Summation() override { release(ranks); }

    at::Tensor operator()(const at::Tensor& input) const {
        at::Tensor sum = input.detach().clone(at::MemoryFormat::Contiguous);
        char reason[1024] = "";
        if (!sum_in_place(ranks, &sum, reason, sizeof(reason))) {
            throw std::runtime_error(reason);
        }
        return sum;
    }
};

struct SumOverRanks : torch::autograd::Function<SumOverRanks> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                              const c10::intrusive_ptr<Summation>& summation) {
        context->saved_data["summation"] = c10::IValue::make_capsule(summation);
        return (*summation)(input);
    }

    // Each rank's result depends on every rank's input, so an input's gradient is the sum of all ranks' gradients.
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                   torch::autograd::variable_list gradients) {
        const auto capsule = context->saved_data["summation"].toCapsule();
        const auto& summation = static_cast<const Summation&>(*capsule);
        return {summation(gradients[0]), at::Tensor()};
    }
};

}  // namespace

// Takes over `ranks`, which `release` frees when neither the result nor its graph needs it any more.
extern "C" at::Tensor* longtail_sum_with_gradient(const void* ranks, SumInPlace sum_in_place, Release release,
                                                  const at::Tensor* input, char* reason, size_t capacity) {
    at::Tensor* sum = nullptr;
    attempt(reason, capacity, [&] {
        const auto summation = c10::make_intrusive<Summation>(ranks, sum_in_place, release);
        sum = new at::Tensor(SumOverRanks::apply(*input, summation));
    });
    return sum;
}
