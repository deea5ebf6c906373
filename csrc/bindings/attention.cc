// Attention: (N, H, rows, columns) arrays of any strides.
#include "bind.h"

namespace minigen {
namespace {

Heads heads(const Array& a) {
    if (!a.array) return {};
    Heads x{a.data(), {}};
    for (int d = 0; d < 4; ++d) x.stride[d] = a.array.strides(d) / static_cast<index>(sizeof(float));
    return x;
}

Attention sizes(const Array& q, const Array& k, const Array& v, float scale, bool causal) {
    for (const Array* a : {&q, &k, &v}) a->expect_dims(4);
    const index N = q.shape[0], H = q.shape[1], S = k.shape[2], E = q.shape[3];
    k.expect({N, H, S, E});
    v.expect({N, H, S, v.shape[3]});
    return {N, H, q.shape[2], S, E, v.shape[3], scale, causal};
}

void attention(Object q_, Object k_, Object v_, float scale, bool causal, Object y_, Object top_, Object inverse_,
               Object kept_) {
    const Array q = strided_input("q", q_), k = strided_input("k", k_), v = strided_input("v", v_);
    const Array y = strided_output("y", y_), top = output("top", top_), inverse = output("inverse", inverse_);
    const Attention s = sizes(q, k, v, scale, causal);
    y.expect({s.N, s.H, s.L, s.D});
    for (const Array* a : {&top, &inverse}) a->expect({s.N, s.H, s.L});
    const Array kept = optional_input("kept", kept_);
    kept.expect({s.N, s.H, s.L, s.S});
    expect_apart({q, k, v, y, top, inverse, kept});
    without_lock([&] {
        kernels().attention({heads(q), heads(k), heads(v), heads(y), top.data(), inverse.data(), kept.data()}, s);
    });
}

void attention_vjp(Object delta_, Object q_, Object k_, Object v_, Object y_, Object top_, Object inverse_, float scale,
                   bool causal, Object dq_, Object dk_, Object dv_, Object packed_, Object kept_) {
    const Array delta = strided_input("delta", delta_), q = strided_input("q", q_), k = strided_input("k", k_);
    const Array v = strided_input("v", v_), y = strided_input("y", y_);
    const Array top = input("top", top_), inverse = input("inverse", inverse_);
    const auto optional = [](const char* name, Object x) { return x.is_none() ? optional_output(name, x) : strided_output(name, x); };
    const Array dq = optional("dq", dq_), dk = optional("dk", dk_), dv = optional("dv", dv_);
    const Array packed = optional("packed", packed_);
    const Attention s = sizes(q, k, v, scale, causal);
    for (const Array* a : {&delta, &y}) a->expect({s.N, s.H, s.L, s.D});
    for (const Array* a : {&top, &inverse}) a->expect({s.N, s.H, s.L});
    dq.expect(q.shape);
    dk.expect(k.shape);
    dv.expect(v.shape);
    packed.expect({3, s.N, s.H, s.L, s.E});
    const Array kept = optional_input("kept", kept_);
    kept.expect({s.N, s.H, s.L, s.S});
    AttentionBackward pass{heads(delta), heads(q), heads(k), heads(v), heads(y), top.data(), inverse.data(),
                           kept.data(),  heads(dq), heads(dk), heads(dv)};
    if (packed.array) {
        k.expect(q.shape);
        v.expect(q.shape);
        int i = 0;
        for (Heads* x : {&pass.dq, &pass.dk, &pass.dv}) {
            if (x->data) throw py::value_error("give packed or dq, dk and dv, not both");
            x->data = packed.data() + i++ * (packed.array.strides(0) / static_cast<index>(sizeof(float)));
            for (int d = 0; d < 4; ++d) x->stride[d] = packed.array.strides(d + 1) / static_cast<index>(sizeof(float));
        }
    }
    expect_apart({delta, q, k, v, y, top, inverse, dq, dk, dv, packed, kept});
    without_lock([&] { kernels().attention_vjp(pass, s); });
}

}  // namespace

void bind_attention(py::module_& m) {
    using namespace py::literals;
    m.def("attention", attention, "q"_a, "k"_a, "v"_a, "scale"_a, "causal"_a, "y"_a, "top"_a, "inverse"_a,
          "kept"_a = py::none(),
          "y = softmax(scale q k^T) v: q (N, H, L, E), k (N, H, S, E), v (N, H, S, D). Also writes each query's largest score "
          "and 1 / sum of e^(score - largest). kept (N, H, L, S) multiplies the weights.");
    m.def("attention_vjp", attention_vjp, "delta"_a, "q"_a, "k"_a, "v"_a, "y"_a, "top"_a, "inverse"_a, "scale"_a, "causal"_a,
          "dq"_a.none(true), "dk"_a.none(true), "dv"_a.none(true), "packed"_a = py::none(), "kept"_a = py::none(),
          "The gradients of attention that are not None, or all three in packed (3, N, H, L, E).");
}

}  // namespace minigen
