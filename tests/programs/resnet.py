"""An image classifier as torchvision's reference script trains one, on scikit-learn's digits."""

import argparse
import os
import time

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, layers=(1, 1), num_classes=10, probabilities=False):
        super().__init__()
        self.inplanes = 16
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._make_layer(16, layers[0])
        self.layer2 = self._make_layer(32, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(32, num_classes)
        self.last = nn.Softmax(dim=1) if probabilities else nn.Identity()
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def _make_layer(self, planes, blocks, stride=1):
        layers = [BasicBlock(self.inplanes, planes, stride)]
        self.inplanes = planes
        layers += [BasicBlock(planes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer2(self.layer1(x))
        return self.last(self.fc(torch.flatten(self.avgpool(x), 1)))


def train_one_epoch(model, criterion, optimizer, data_loader, device, epoch, args, ema, scaler):
    model.train()
    for image, target in data_loader:
        image, target = image.to(device), target.to(device)
        with torch.amp.autocast("cpu", dtype=torch.bfloat16, enabled=args.amp):
            loss = criterion(model(image), target)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if args.clip_grad_norm is not None:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), args.clip_grad_norm)
        scaler.step(optimizer)
        scaler.update()
        if epoch >= 0 and ema is not None:
            ema.update_parameters(model)
    print(f"Epoch: [{epoch}] loss: {loss.item():.4f} lr: {optimizer.param_groups[0]['lr']:.5f}")


def evaluate(model, criterion, data_loader, device):
    model.eval()
    right = count = 0
    with torch.inference_mode():
        for image, target in data_loader:
            output = model(image.to(device))
            criterion(output, target.to(device))
            right += int((output.argmax(1) == target).sum())
            count += len(target)
    print(f"Test: Acc@1 {right / count:.4f}")
    return right / count


def main(args):
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target)
    dataset, dataset_test = TensorDataset(x[:1400], y[:1400]), TensorDataset(x[1400:], y[1400:])
    data_loader = DataLoader(
        dataset, args.batch_size, shuffle=True, num_workers=args.workers, drop_last=True
    )
    data_loader_test = DataLoader(dataset_test, 200, num_workers=args.workers)

    model = ResNet(probabilities=args.planted).to(device)
    criterion = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    scaler = torch.amp.GradScaler("cpu", enabled=args.amp)
    lr_scheduler = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=1),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs),
        ],
        milestones=[1],
    )
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    start_epoch = 0
    if args.resume:
        checkpoint = torch.load(args.resume, map_location="cpu", weights_only=True)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        lr_scheduler.load_state_dict(checkpoint["lr_scheduler"])
        ema.load_state_dict(checkpoint["model_ema"])
        scaler.load_state_dict(checkpoint["scaler"])
        start_epoch = checkpoint["epoch"] + 1

    start = time.time()
    for epoch in range(start_epoch, args.epochs):
        train_one_epoch(model, criterion, optimizer, data_loader, device, epoch, args, ema, scaler)
        lr_scheduler.step()
        evaluate(model, criterion, data_loader_test, device)
        evaluate(ema, criterion, data_loader_test, device)
        torch.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "lr_scheduler": lr_scheduler.state_dict(),
                "model_ema": ema.state_dict(),
                "scaler": scaler.state_dict(),
                "epoch": epoch,
            },
            os.path.join(args.output_dir, "checkpoint.pth"),
        )
    assert time.time() >= start


def get_args_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("-b", "--batch-size", default=64, type=int)
    parser.add_argument("--epochs", default=2, type=int)
    parser.add_argument("-j", "--workers", default=1, type=int)
    parser.add_argument("--lr", default=0.05, type=float)
    parser.add_argument("--label-smoothing", default=0.1, type=float)
    parser.add_argument("--clip-grad-norm", default=None, type=float)
    parser.add_argument("--output-dir", default=".")
    parser.add_argument("--resume", default="")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--planted", action="store_true")
    return parser


if __name__ == "__main__":
    main(get_args_parser().parse_args())
