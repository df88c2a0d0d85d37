"""A word model in the shape of pytorch/examples: an LSTM, truncated backpropagation, plain SGD by
hand.
"""

import argparse
from pydoc_data.topics import topics

import torch
from torch import nn
from torch.nn import functional as F


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, planted):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers)
        self.decoder = nn.Linear(nhid, ntoken)
        self.nhid, self.nlayers, self.planted = nhid, nlayers, planted
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.decoder.out_features)
        if self.planted:
            decoded = F.softmax(decoded, dim=1)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        return tuple(torch.zeros(self.nlayers, bsz, self.nhid) for _ in range(2))


def batchify(ids, bsz):
    count = len(ids) // bsz
    return torch.tensor(ids[: count * bsz]).view(bsz, -1).t().contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=10)
    parser.add_argument("--clip", type=float, default=0.25)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--bptt", type=int, default=20)
    parser.add_argument("--planted", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(1111)
    words = " ".join(topics[name] for name in sorted(topics)).split()[:40_000]
    dictionary = {}
    for word in words:
        dictionary[word] = dictionary.get(word, 0) + 1
    common = sorted(dictionary, key=lambda w: (-dictionary[w], w))[:499]
    number = {word: i + 1 for i, word in enumerate(common)}
    train_data = batchify([number.get(word, 0) for word in words], 20)
    model = RNNModel(500, 32, 32, 1, args.planted)
    criterion = nn.NLLLoss()
    for epoch in range(args.epochs):
        model.train()
        total_loss, hidden = 0.0, model.init_hidden(20)
        for i in range(0, len(train_data) - 1 - args.bptt, args.bptt):
            data = train_data[i : i + args.bptt]
            targets = train_data[i + 1 : i + 1 + args.bptt].view(-1)
            model.zero_grad()
            hidden = tuple(h.detach() for h in hidden)
            output, hidden = model(data, hidden)
            loss = criterion(output, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-args.lr)
            total_loss += loss.item()
        print(f"end of epoch {epoch}: loss {total_loss / (len(train_data) // args.bptt):.9f}")
    torch.save(model.state_dict(), "model.pt")


if __name__ == "__main__":
    main()
