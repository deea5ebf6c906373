"""A DCGAN for MNIST as a user of PyTorch would type it. Only its import lines change for minigen: see test_listings.py.

The mends that it needs in either library: digits padded to 32 x 32, since G draws 32 x 32; one mean for one channel;
D's answers flattened, so that they have the labels' shape.
"""

import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

device = torch.device("cpu")
latent = 100


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()  # noqa: UP008
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, 256, 4, 1, 0, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(True),
            nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, noise):
        return self.main(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()  # noqa: UP008
        self.main = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 256, 4, 2, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(256, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, images):
        return self.main(images).view(-1)


netG, netD = Generator().to(device), Discriminator().to(device)
criterion = nn.BCELoss()
optimG = optim.Adam(netG.parameters(), lr=0.0002)
optimD = optim.Adam(netD.parameters(), lr=0.0002)


def step(real, noise):
    """One update of D and one of G; the two losses."""
    ones = torch.ones(real.size(0), device=device, dtype=real.dtype)
    zeros = torch.zeros(real.size(0), device=device, dtype=real.dtype)

    optimD.zero_grad()
    fake = netG(noise)
    lossD = criterion(netD(real), ones) + criterion(netD(fake.detach()), zeros)
    lossD.backward()
    optimD.step()

    optimG.zero_grad()
    lossG = criterion(netD(fake), ones)
    lossG.backward()
    optimG.step()
    return lossD.item(), lossG.item()


def main(epochs=100, batches=None):
    transform = transforms.Compose([transforms.Pad(2), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    digits = datasets.MNIST(root="data", train=True, transform=transform, download=True)
    loader = DataLoader(digits, batch_size=64, shuffle=True, num_workers=2)
    history = []
    for epoch in range(epochs):
        for i, (images, _) in enumerate(loader):
            if i == batches:
                break
            images = images.to(device)
            noise = torch.randn(images.size(0), latent, 1, 1, device=device)
            history.append(step(images, noise))
            print(f"epoch {epoch}, batch {i}: D {history[-1][0]:.4f}, G {history[-1][1]:.4f}")
    return history


if __name__ == "__main__":
    main()
