"""A job that wants a GPU is given one, and says so when it cannot compute there."""


def test_on_a_device_that_cannot_compute_it_takes_the_cpu_with_one_line(checkout):
    target = checkout.walk(steps=3, gpu=True)
    checkout.submit(target).wait()
    job = checkout.cluster.show(checkout.diary()[0].job)
    assert job["Partition"] == "gpu"
    assert {(step.gpus, step.device) for step in checkout.diary()} == {("0", "cpu")}
    log = "results/logs/multifocus/restored/cell/clean/walk-seed0.log"
    lines = checkout.made(log).decode().splitlines()
    (line,) = [line for line in lines if "computing on the CPU" in line]
    assert line.startswith("focusbench: device: ")


def test_who_wants_none_is_sent_elsewhere_and_sees_none(checkout):
    checkout.submit(checkout.walk(steps=3)).wait()
    job = checkout.cluster.show(checkout.diary()[0].job)
    assert job["Partition"] == "cpu"
    assert "TresPerJob" not in job
