// WaveNet's unit (van den Oord et al. 2016, "WaveNet: a generative model for raw audio", equation 2 and figure 4):
//     a_t = b + sum_k W_k x_{t - (K - 1 - k) D},   z = tanh(a's first G) * sigmoid(a's last G),
//     out = x + W_r z + b_r,                       total = skip + W_s z + b_s.
// Rows are times: (N, T, channels), so a shift in time is another row and every product is of whole rows. A tile of times goes
// through all of it while it lies in L1. Without W_r there is no out: nobody reads the last unit's.
#pragma once
#include "in_place.h"

namespace minigen {
namespace VARIANT {

void gated_residual(const GatedForward& pass, const Gated& size);
void gated_residual_vjp(const GatedBackward& pass, const Gated& size);

constexpr index TILE = 96;  // times of one tile: 16 tiles of registers

inline index shift(const Gated& s, index tap) { return (s.K - 1 - tap) * s.D; }  // times by which tap k looks back

// Columns of a: tanh's half and sigmoid's, each filled up to whole vectors, so that a lane has both of its numbers.
inline index side(const Gated& s) { return in_vectors(s.G); }

}  // namespace VARIANT
}  // namespace minigen
