#!/usr/bin/env python3
"""Makes schedules.safetensors: learning rates of every step of short runs, by PyTorch's schedulers where it has
the schedule, by timm's definitions (written out below) where it has not. See README.md."""
import math
import pathlib
import sys

import torch

from make_golden import save

HERE = pathlib.Path(__file__).parent
PER_EPOCH, EPOCHS = 7, 12
STEPS = PER_EPOCH * EPOCHS
PEAK = 0.3


def pytorch(scheduler, **arguments):
    """The rates that a scheduler of PyTorch sets, one a step."""
    optimiser = torch.optim.SGD([torch.zeros(1)], PEAK)
    schedule = scheduler(optimiser, **arguments)
    rates = []
    for _ in range(STEPS):
        rates.append(optimiser.param_groups[0]['lr'])
        optimiser.step()
        schedule.step()
    return rates


def timm_warmup(rate, warmup, start):
    """timm.scheduler.Scheduler: linear from `start` to the base rate over `warmup` updates; the schedule's own time
    runs during the warm-up (warmup_prefix is off)."""
    return lambda t: start + t * (PEAK - start) / warmup if t < warmup else rate(t)


def timm_cosine(t_initial, lr_min=0.0, cycle_mul=1.0, cycle_decay=1.0, cycle_limit=1):
    """timm.scheduler.CosineLRScheduler._get_lr."""
    def rate(t):
        if cycle_mul != 1:
            i = math.floor(math.log(1 - t / t_initial * (1 - cycle_mul), cycle_mul))
            t_i = cycle_mul ** i * t_initial
            t_curr = t - (1 - cycle_mul ** i) / (1 - cycle_mul) * t_initial
        else:
            i = t // t_initial
            t_i = t_initial
            t_curr = t - t_initial * i
        if i >= cycle_limit:
            return lr_min
        peak = PEAK * cycle_decay ** i
        return lr_min + 0.5 * (peak - lr_min) * (1 + math.cos(math.pi * t_curr / t_i))
    return rate


def timm_step(decay_t, decay_rate):
    """timm.scheduler.StepLRScheduler._get_lr, in epochs."""
    return lambda t: PEAK * decay_rate ** ((t // PER_EPOCH) // decay_t)


# name -> schedule (as cream_schedule counts), warm-up epochs, its start, decay rate and epochs, smallest rate,
# cycle epochs, mul and decay
LINEAR, COSINE, STEP, CONSTANT = range(4)


def settings(schedule, warmup=0, start=0, rate=1, epochs=1, low=0, cycle=0, mul=1, decay=1):
    return [schedule, warmup, start, rate, epochs, low, cycle, mul, decay]


def make():
    schedulers = torch.optim.lr_scheduler
    cases = {
        'constant': (settings(CONSTANT), pytorch(schedulers.ConstantLR, factor=1)),
        'linear': (settings(LINEAR, low=0.1 * PEAK),
                   pytorch(schedulers.LinearLR, start_factor=1, end_factor=0.1, total_iters=STEPS)),
        'cosine': (settings(COSINE, low=0.01), pytorch(schedulers.CosineAnnealingLR, T_max=STEPS, eta_min=0.01)),
        'step': (settings(STEP, rate=0.5, epochs=2),
                 pytorch(schedulers.StepLR, step_size=2 * PER_EPOCH, gamma=0.5)),
        'restarts': (settings(COSINE, low=0.02, cycle=1, mul=2),
                     pytorch(schedulers.CosineAnnealingWarmRestarts, T_0=PER_EPOCH, T_mult=2, eta_min=0.02)),
    }
    timm = {
        'timm_step': (settings(STEP, 3, 1e-6, 0.973, 2.4),
                      timm_warmup(timm_step(2.4, 0.973), 3 * PER_EPOCH, 1e-6)),
        'timm_cosine': (settings(COSINE, 2, 1e-6, low=1e-5),
                        timm_warmup(timm_cosine(STEPS, 1e-5), 2 * PER_EPOCH, 1e-6)),
        'timm_restarts': (settings(COSINE, 1, 1e-3, low=0.01, cycle=3, decay=0.7),
                          timm_warmup(timm_cosine(3 * PER_EPOCH, 0.01, 1, 0.7, 9), PER_EPOCH, 1e-3)),
        'timm_growing': (settings(COSINE, low=0.01, cycle=2, mul=1.5, decay=0.6),
                         timm_cosine(2 * PER_EPOCH, 0.01, 1.5, 0.6, 9)),
    }
    for name, (values, rate) in timm.items():
        cases[name] = (values, [rate(t) for t in range(STEPS)])
    tensors = {'run': torch.tensor([PER_EPOCH, EPOCHS, PEAK], dtype=torch.float64)}
    for name, (values, rates) in cases.items():
        tensors[name + '.settings'] = torch.tensor(values, dtype=torch.float64)
        tensors[name + '.rates'] = torch.tensor(rates, dtype=torch.float64)
    return tensors


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    save(folder / 'schedules.safetensors', make())
