"""A two-layer LSTM learns a text of 60 characters by heart and says it back."""

import numpy as np

import minigen
from minigen import functional as F
from minigen import nn

TEXT = "the clock in the hall stops; the cat in the hall does not..."
LETTERS = sorted(set(TEXT))


class Reader(nn.Module):
    def __init__(self, letters: int, hidden: int = 48) -> None:
        super().__init__()
        self.letters = letters
        self.lstm = nn.LSTM(letters, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, letters)

    def forward(self, codes, state=None):
        h, state = self.lstm(F.one_hot(codes, self.letters).float(), state)
        return self.head(h), state


def test_a_text_is_learnt_by_heart_and_said_back():
    assert len(TEXT) == 60
    minigen.manual_seed(0)
    codes = minigen.tensor([[LETTERS.index(c) for c in TEXT]])  # (1, 60)
    net = Reader(len(LETTERS))
    optimiser = minigen.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(400):
        optimiser.zero_grad()
        logits, _ = net(codes[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, len(LETTERS)), codes[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if loss.item() < 0.02:
            break
    assert loss.item() < 0.05, loss.item()

    net.eval()
    said, state = [codes[0, 0].item()], None
    with minigen.no_grad():
        for _ in range(len(TEXT) - 1):  # one letter at a time, the state carried along
            logits, state = net(minigen.tensor([[said[-1]]]), state)
            said.append(logits[0, -1].argmax().item())
    assert "".join(LETTERS[i] for i in said) == TEXT
    assert np.isfinite(state[0].numpy()).all() and state[0].shape == (2, 1, 48)
