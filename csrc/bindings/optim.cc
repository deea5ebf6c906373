// Optimisers, on lists of arrays in place, and the gradient of a bias.
#include <cmath>

#include "../optim/optim.h"
#include "../support/column_sums.h"
#include "bind.h"

namespace minigen {
namespace {

// Lists of equal length, the arrays in them of equal shapes; all but the second are written.
struct Lists {
    std::vector<Array> arrays;  // they keep the memory alive, so they outlive the kernel
    std::vector<Parameter> parameters;

    Lists(std::initializer_list<const char*> names, std::initializer_list<const py::sequence*> lists) {
        const size_t count = (*lists.begin())->size();
        arrays.reserve(count * lists.size());
        parameters.reserve(count);
        for (size_t k = 0; k < lists.size(); ++k)
            if (lists.begin()[k]->size() != count)
                throw py::value_error(std::string(names.begin()[k]) + " must have the same length as " + *names.begin() + ", " +
                                      std::to_string(count) + ", got " + std::to_string(lists.begin()[k]->size()));
        for (size_t i = 0; i < count; ++i) {
            float* data[4] = {};
            Extents shape;
            for (size_t k = 0; k < lists.size(); ++k) {
                Array a = listed(names.begin()[k], static_cast<index>(i), (*lists.begin()[k])[i], k != 1);
                if (k == 0) shape = a.shape;
                a.expect(shape);
                data[k] = a.data();
                arrays.push_back(std::move(a));
            }
            parameters.push_back({data[0], data[1], data[2], data[3], arrays.back().size()});
        }
        expect_apart(arrays);
    }
    index count() const { return static_cast<index>(parameters.size()); }
};

void adam(const py::sequence& params, const py::sequence& grads, const py::sequence& exp_avgs,
          const py::sequence& exp_avg_sqs, double lr, double beta1, double beta2, double eps, double weight_decay, index step,
          bool decoupled) {
    if (step < 1) throw py::value_error("step counts from 1, got " + std::to_string(step));
    const Lists lists({"params", "grads", "exp_avgs", "exp_avg_sqs"}, {&params, &grads, &exp_avgs, &exp_avg_sqs});
    AdamStep s;
    s.lr = static_cast<float>(lr);
    s.beta1 = static_cast<float>(beta1);
    s.beta2 = static_cast<float>(beta2);
    s.eps = static_cast<float>(eps);
    s.weight_decay = decoupled ? 0 : static_cast<float>(weight_decay);
    const float keep = decoupled ? static_cast<float>(1 - lr * weight_decay) : 1;
    s.one_minus_beta1 = static_cast<float>(1 - beta1);
    s.one_minus_beta2 = static_cast<float>(1 - beta2);
    s.correction1 = static_cast<float>(1 - std::pow(beta1, static_cast<double>(step)));
    s.correction2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(beta2, static_cast<double>(step))));
    without_lock([&] { optim().adamw(lists.parameters.data(), lists.count(), s, keep); });
}

void sgd(const py::sequence& params, const py::sequence& grads, const py::object& velocities, double lr, double momentum,
         double dampening, double weight_decay, bool nesterov) {
    const SgdStep s = {static_cast<float>(lr), static_cast<float>(momentum), static_cast<float>(1 - dampening),
                       static_cast<float>(weight_decay), nesterov};
    const auto run = [&](const Lists& lists) {
        without_lock([&] { optim().sgd(lists.parameters.data(), lists.count(), s); });
    };
    if (velocities.is_none()) return run(Lists({"params", "grads"}, {&params, &grads}));
    const auto vs = py::reinterpret_borrow<py::sequence>(velocities);
    run(Lists({"params", "grads", "velocities"}, {&params, &grads, &vs}));
}

void sums(Object x_, Object out_) {
    const Array x = input("x", x_), out = output("out", out_);
    x.expect_dims(2);
    out.expect({x.shape[1]});
    expect_apart({x, out});
    without_lock([&] { column_sums(x.data(), out.data(), x.shape[0], x.shape[1]); });
}

}  // namespace

void bind_optim(py::module_& m) {
    using namespace py::literals;
    m.def("adam", adam, "params"_a, "grads"_a, "exp_avgs"_a, "exp_avg_sqs"_a, "lr"_a, "beta1"_a, "beta2"_a, "eps"_a,
          "weight_decay"_a, "step"_a, "decoupled"_a = false, "Updates all lists but grads in place; decoupled is AdamW.");
    m.def("column_sums", sums, "x"_a, "out"_a, "The sum of the rows.");
    m.def("sgd", sgd, "params"_a, "grads"_a, "velocities"_a.none(true), "lr"_a, "momentum"_a, "dampening"_a, "weight_decay"_a,
          "nesterov"_a, "Updates params and velocities in place.");
}

}  // namespace minigen
