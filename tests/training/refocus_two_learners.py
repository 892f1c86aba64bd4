"""What two processes learn in test_refocus_data_parallel.py; imported by both."""

from dataclasses import dataclass, replace

from focusbench.methods.mfpinet import Mfpinet


@dataclass(frozen=True)
class Two:
    """A narrow `mfpinet` with and one without its adversary, taught at once."""

    fails_at: int | None = None  # step, of the second process

    def learner(self, data, run, share):
        return TwoLearners(self, data, run, share)


class TwoLearners:
    finished = False

    def __init__(self, how, data, run, share):
        small = Mfpinet(
            **{"epochs": 1, "patches": 40, "patch": 32, "batch_size": 4},
            **{"width": 4, "discriminator_width": 4, "foreground": False},
            precision="float32",
            adversarial_weight=0.5,
        )
        self.parts = {
            "with": small.learner(data, run, share),
            "without": replace(small, adversarial_weight=0.0).learner(data, run, share),
        }
        self.how, self.share, self.steps, self.threads = how, share, 0, run.threads

    def step(self):
        self.steps += 1
        if self.share is not None and self.share.rank == 1 and self.steps == self.how.fails_at:
            raise ValueError("no more\npaper")
        return sum(part.step() for part in self.parts.values())

    def estimate(self):
        raise NotImplementedError

    def state(self):
        states = {name: part.state() for name, part in self.parts.items()}
        tensors = {
            f"{name}/{key}": value.clone()
            for name, (values, _) in states.items()
            for key, value in values.items()
        }
        return tensors, {name: scalars for name, (_, scalars) in states.items()}

    def load(self, tensors, scalars):
        for name, part in self.parts.items():
            start = f"{name}/"
            own = {key[len(start) :]: v for key, v in tensors.items() if key.startswith(start)}
            part.load(own, scalars[name])
