"""The method `dip` as it is run here."""

import torch

from focusbench import methods
from focusbench.training import deep_prior
from focusbench.training.run import quick_run


def build(session, digits):
    """The method at this number of digits."""
    return methods.build(
        "dip",
        {
            "steps": session.arguments.steps,
            "constant_steps": session.arguments.constant_steps,
            "width": session.settings.width,
            "scales": session.settings.scales,
            "precision": digits,
            "cuda_graph": session.device == "cuda",
        },
    )


def sample_stepper(session, problem, digits):
    """The restoration of `dip` from its fit to a constant on, as a stepper."""
    method = build(session, digits)
    run = quick_run(seed=0, device=session.device)
    network = method.new_network(run)
    noise = deep_prior.noise_input(problem.observed.shape, method.input_scale, run)
    start = deep_prior.VolumeFit(
        network,
        noise,
        method.constant,
        method.constant_learning_rate,
        session.device,
        digits,
        method.cuda_graph,
    )
    for _ in range(method.constant_steps):
        start.step()
    observed = torch.as_tensor(problem.observed, dtype=torch.float32, device=session.device)
    return deep_prior.Reconstruction(
        network,
        noise,
        problem.forward,
        observed,
        method.learning_rate,
        session.device,
        digits,
        method.cuda_graph,
    )
