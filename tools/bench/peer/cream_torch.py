"""A PyTorch rendering of the Cream supernet, written from the paper and the published layer table.

It is the peer that the C implementation is measured against: same ops, same losses, eager PyTorch.
Nothing here is copied from the reference repository.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

CHOICES = [(k, e) for k in (3, 5, 7) for e in (4, 6)]
STAGES = [  # out channels, stride of the first block
    (24, 2), (40, 2), (80, 2), (96, 1), (192, 2)]


def make_divisible(v, d=8):
    n = max(d, int(v + d / 2) // d * d)
    return n + d if n < 0.9 * v else n


def hard_sigmoid(x):
    return F.relu6(x + 3.0) / 6.0


class SE(nn.Module):
    """timm 0.1.20 semantics: reduce_mid=True, divisor 8, ReLU, hard sigmoid."""
    def __init__(self, mid, ratio=0.25):
        super().__init__()
        r = make_divisible(mid * ratio)
        self.conv_reduce = nn.Conv2d(mid, r, 1)
        self.conv_expand = nn.Conv2d(r, mid, 1)

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        s = self.conv_expand(F.relu(self.conv_reduce(s)))
        return x * hard_sigmoid(s)


class MBConv(nn.Module):
    def __init__(self, cin, cout, k, s, e):
        super().__init__()
        mid = make_divisible(cin * e)
        self.conv_pw = nn.Conv2d(cin, mid, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid)
        self.conv_dw = nn.Conv2d(mid, mid, k, s, k // 2, groups=mid, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.se = SE(mid)
        self.conv_pwl = nn.Conv2d(mid, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout)
        self.res = cin == cout and s == 1

    def forward(self, x):
        y = F.silu(self.bn1(self.conv_pw(x)))
        y = F.silu(self.bn2(self.conv_dw(y)))
        y = self.bn3(self.conv_pwl(self.se(y)))
        return x + y if self.res else y


class DSConv(nn.Module):
    def __init__(self, cin, cout, k, s):
        super().__init__()
        self.conv_dw = nn.Conv2d(cin, cin, k, s, k // 2, groups=cin, bias=False)
        self.bn1 = nn.BatchNorm2d(cin)
        self.se = SE(cin)
        self.conv_pw = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.res = cin == cout and s == 1

    def forward(self, x):
        y = self.se(F.silu(self.bn1(self.conv_dw(x))))
        y = self.bn2(self.conv_pw(y))
        return x + y if self.res else y


class ConvBnAct(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.silu(self.bn1(self.conv(x)))


class Supernet(nn.Module):
    def __init__(self, depths=(4, 4, 5, 4, 4), classes=1000, slice_=4):
        super().__init__()
        self.conv_stem = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.stem = DSConv(16, 16, 3, 1)
        c, stages = 16, []
        for (cout, s0), n in zip(STAGES, depths):
            layers = []
            for i in range(n):
                layers.append(nn.ModuleList(
                    [MBConv(c, cout, k, s0 if i == 0 else 1, e) for k, e in CHOICES]))
                c = cout
            stages.append(nn.ModuleList(layers))
        self.blocks = nn.ModuleList(stages)
        self.conv_last = ConvBnAct(c, 320)
        self.conv_head = nn.Conv2d(320, 1280, 1)
        self.classifier = nn.Linear(1280, classes)
        self.meta_layer = nn.Linear(classes * slice_, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                fo = m.kernel_size[0] * m.kernel_size[1] * m.out_channels // m.groups
                nn.init.normal_(m.weight, 0, (2.0 / fo) ** 0.5)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x, arch):
        x = F.silu(self.bn1(self.conv_stem(x)))
        x = self.stem(x)
        for stage, a in zip(self.blocks, arch):
            for layer, c in zip(stage, a):
                if c >= 0:
                    x = layer[c](x)
        x = self.conv_last(x).mean((2, 3), keepdim=True)
        x = F.silu(self.conv_head(x)).flatten(1)
        return self.classifier(x)
