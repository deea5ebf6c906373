// Plain recurrent networks, LSTM and GRU over a whole sequence. The caller has multiplied all inputs by W_ih at once; what is
// left per step is W_hh h.
#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

void rnn(const RnnForward& pass, const Sequence& size);
void rnn_vjp(const RnnBackward& pass, const Sequence& size);
void lstm(const LstmForward& pass, const Sequence& size);
void lstm_vjp(const LstmBackward& pass, const Sequence& size);
void gru(const GruForward& pass, const Sequence& size);
void gru_vjp(const GruBackward& pass, const Sequence& size);

}  // namespace VARIANT
}  // namespace minigen
