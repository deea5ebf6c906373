// Convolution and its two gradients.
#include <cmath>
#include <cstring>

#include "bind.h"

namespace minigen {
namespace {

using Pair = std::pair<index, index>;

// y = conv2d(x, w) and its two gradients have the same six sizes; whichever is computed, all three shapes are checked.
Conv conv_sizes(const Array& x, const Array& w, const Array& y, Pair stride, Pair padding, Pair dilation, index groups) {
    for (const Array* a : {&x, &w, &y}) a->expect_dims(4);
    constexpr index most = index(1) << 31;
    const auto within = [](const char* name, index value, index least) {
        if (value < least || value > most)
            throw py::value_error(std::string(name) + " must lie in [" + std::to_string(least) + ", 2^31], got " +
                                  std::to_string(value));
    };
    for (index v : {stride.first, stride.second}) within("stride", v, 1);
    for (index v : {padding.first, padding.second}) within("padding", v, 0);
    for (index v : {dilation.first, dilation.second}) within("dilation", v, 1);
    within("groups", groups, 1);
    Conv s{x.shape[0], x.shape[1], x.shape[2], x.shape[3], w.shape[0], w.shape[2], w.shape[3], 0, 0, stride.first,
           stride.second, padding.first, padding.second, dilation.first, dilation.second, groups};
    if (s.C % s.G || s.O % s.G)
        throw py::value_error("groups " + std::to_string(s.G) + " must divide the channels of " + x.name() + " " + text(x.shape) +
                              " and the filters of " + w.name() + " " + text(w.shape));
    w.expect({s.O, s.C / s.G, s.KH, s.KW});
    const auto out_size = [&](index size, index k, index stride, index padding, index dilation) {
        if (k < 1) throw py::value_error(w.name() + " must have a kernel of at least 1 x 1, got the shape " + text(w.shape));
        const double reach = static_cast<double>(size) + 2.0 * padding - static_cast<double>(dilation) * (k - 1) - 1;
        if (reach < 0 || reach > 9e15)
            throw py::value_error("the dilated kernel of " + w.name() + " " + text(w.shape) + " must fit into the padded " +
                                  x.name() + " " + text(x.shape));
        return static_cast<index>(reach) / stride + 1;
    };
    s.OH = out_size(s.H, s.KH, s.SH, s.PH, s.DH);
    s.OW = out_size(s.W, s.KW, s.SW, s.PW, s.DW);
    y.expect({s.N, s.O, s.OH, s.OW});
    // Padded copies and tables must be countable; memory that merely runs out becomes a MemoryError later.
    const double rows = std::fmax(s.H, double(s.OH)) + 2.0 * s.PH + s.SH + double(s.KH) * s.DH;
    const double cols = std::fmax(s.W, double(s.OW)) + 2.0 * s.PW + s.SW + double(s.KW) * s.DW;
    const double channels = std::fmax(1.0, s.N) * std::fmax(1.0, std::fmax(double(s.C), double(s.O)));
    if (channels * rows * cols > 1e15) throw std::bad_alloc();
    return s;
}

// Calls the kernel, unless the sum is one over nothing: then zeros are left, or each channel's bias.
void convolve(ConvKernel* kernel, const Array& first, const Array& second, const Array& out, const Array& bias, Conv& s) {
    if (bias.array) bias.expect({out.shape[1]});
    expect_apart({first, second, out, bias});
    if (out.size() == 0) return;
    s.bias = bias.data();
    without_lock([&] {
        if (first.size() > 0 && second.size() > 0) return kernel(first.data(), second.data(), out.data(), s);
        std::memset(out.data(), 0, sizeof(float) * out.size());
        const index channels = out.shape[1], plane = out.shape[2] * out.shape[3];
        for (index i = 0; s.bias && i < out.size(); ++i) out.data()[i] = s.bias[i / plane % channels];
    });
}

void conv2d(Object x_, Object w_, Object out_, Pair stride, Pair padding, Pair dilation, index groups,
            const std::string& kernel, Object bias_) {
    const int which = rung("conv2d", CONV_NAMES, CONV_RUNGS, kernel);
    const Array x = input("x", x_), w = input("w", w_), out = output("out", out_), bias = optional_input("bias", bias_);
    Conv s = conv_sizes(x, w, out, stride, padding, dilation, groups);
    convolve(kernels().conv2d[which], x, w, out, bias, s);
}

void conv2d_input(Object g_, Object w_, Object out_, Pair stride, Pair padding, Pair dilation, index groups, Object bias_) {
    const Array g = input("g", g_), w = input("w", w_), out = output("out", out_), bias = optional_input("bias", bias_);
    Conv s = conv_sizes(out, w, g, stride, padding, dilation, groups);
    convolve(kernels().conv2d_input, g, w, out, bias, s);
}

void conv2d_weight(Object g_, Object x_, Object out_, Pair stride, Pair padding, Pair dilation, index groups) {
    const Array g = input("g", g_), x = input("x", x_), out = output("out", out_);
    Conv s = conv_sizes(x, out, g, stride, padding, dilation, groups);
    convolve(kernels().conv2d_weight, g, x, out, optional_input("bias", py::none()), s);
}

void channel_sums(Object x_, Object out_) {
    const Array x = input("x", x_), out = output("out", out_);
    x.expect_dims(4);
    out.expect({x.shape[1]});
    expect_apart({x, out});
    without_lock([&] { kernels().channel_sums(x.data(), out.data(), {x.shape[0], x.shape[1], x.shape[2] * x.shape[3]}); });
}

}  // namespace

void bind_conv(py::module_& m) {
    using namespace py::literals;
    m.def("conv2d", conv2d, "x"_a, "w"_a, "out"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a, "kernel"_a = "",
          "bias"_a = py::none(), "out (N, O, OH, OW) = x (N, C, H, W) correlated with w (O, C / groups, KH, KW), + bias (O).");
    m.def("conv2d_input", conv2d_input, "g"_a, "w"_a, "out"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
          "bias"_a = py::none(),
          "out = conv2d's vector-Jacobian product for x, + bias (C): conv2d_transpose's forward pass.");
    m.def("conv2d_weight", conv2d_weight, "g"_a, "x"_a, "out"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
          "out = conv2d's vector-Jacobian product for w.");
    m.def("channel_sums", channel_sums, "x"_a, "out"_a, "The sums over all but the channels of (N, C, H, W).");
}

}  // namespace minigen
