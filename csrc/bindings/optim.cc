// Optimisers, on lists of arrays in place.
#include <cmath>

#include "bind.h"

namespace minigen {
namespace {

void adam(const py::sequence& params, const py::sequence& grads, const py::sequence& exp_avgs,
          const py::sequence& exp_avg_sqs, double lr, double beta1, double beta2, double eps, double weight_decay, index step) {
    const size_t count = params.size();
    if (grads.size() != count || exp_avgs.size() != count || exp_avg_sqs.size() != count)
        throw py::value_error("params, grads, exp_avgs and exp_avg_sqs must have the same length, got " +
                              std::to_string(count) + ", " + std::to_string(grads.size()) + ", " +
                              std::to_string(exp_avgs.size()) + " and " + std::to_string(exp_avg_sqs.size()));
    if (step < 1) throw py::value_error("step counts from 1, got " + std::to_string(step));
    std::vector<Array> arrays;  // they keep the memory alive, so they outlive the kernel
    std::vector<Parameter> parameters;
    for (size_t i = 0; i < count; ++i) {
        const auto label = [i](const char* list) { return list + ("[" + std::to_string(i) + "]"); };
        const Array w = output(label("params").c_str(), params[i]), g = input(label("grads").c_str(), grads[i]);
        const Array m = output(label("exp_avgs").c_str(), exp_avgs[i]);
        const Array v = output(label("exp_avg_sqs").c_str(), exp_avg_sqs[i]);
        for (const Array* a : {&g, &m, &v}) a->expect(w.shape);
        parameters.push_back({w.data(), g.data(), m.data(), v.data(), w.size()});
        for (const Array& a : {w, g, m, v}) arrays.push_back(a);
    }
    expect_apart(arrays);
    AdamStep s;
    s.lr = static_cast<float>(lr);
    s.beta1 = static_cast<float>(beta1);
    s.beta2 = static_cast<float>(beta2);
    s.eps = static_cast<float>(eps);
    s.weight_decay = static_cast<float>(weight_decay);
    s.one_minus_beta1 = static_cast<float>(1 - beta1);
    s.one_minus_beta2 = static_cast<float>(1 - beta2);
    s.correction1 = static_cast<float>(1 - std::pow(beta1, static_cast<double>(step)));
    s.correction2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(beta2, static_cast<double>(step))));
    without_lock([&] { kernels().adam(parameters.data(), static_cast<index>(count), s); });
}

}  // namespace

void bind_optim(py::module_& m) {
    using namespace py::literals;
    m.def("adam", adam, "params"_a, "grads"_a, "exp_avgs"_a, "exp_avg_sqs"_a, "lr"_a, "beta1"_a, "beta2"_a, "eps"_a,
          "weight_decay"_a, "step"_a, "Updates all lists but grads in place.");
}

}  // namespace minigen
