"""Logs scalars with the tracker that the first argument names, in the folder that the second one names. Each line of
the input holds how many; the answer is how many it stored in a second, until all of them were where it keeps them."""
import os
import sys
import time

which, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", AIM_DISABLE_TELEMETRY="1", TRACKIO_DIR=folder, HF_HUB_OFFLINE="1")
answers, sys.stdout = sys.stdout, sys.stderr  # what the trackers print is no answer


def value(step):
    return 1.0 / (step + 1)


def each(log, done):
    """Returns a function that logs scalars one by one."""
    def window(first, n):
        for step in range(first, first + n):
            log(step)
        done()
    return window


def nothing():
    pass


if which.startswith("mlflow"):
    import mlflow
    from mlflow.entities import Metric
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("bench")
    run = mlflow.start_run().info.run_id

    def batches(first, n):
        """MLflow takes at most 1,000 metrics at once."""
        client = mlflow.MlflowClient()
        for at in range(first, first + n, 1000):
            now = int(time.time() * 1000)
            client.log_batch(run, [Metric("loss", value(s), now, s) for s in range(at, min(at + 1000, first + n))])
    one = each(lambda step: mlflow.log_metric("loss", value(step), step=step), nothing)
    window = batches if which == "mlflow-batch" else one
elif which == "tensorboard":
    from tensorboard.summary import Writer
    w = Writer("events")
    window = each(lambda step: w.add_scalar("loss", value(step), step), w.flush)
elif which == "tensorboardx":
    from tensorboardX import SummaryWriter
    w = SummaryWriter("events")
    window = each(lambda step: w.add_scalar("loss", value(step), step), w.flush)
elif which == "aim":
    from aim import Run
    r = Run(repo=".", system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False)
    queue = r.repo.tracking_queue  # none where Aim stores at once
    window = each(lambda step: r.track(value(step), name="loss", step=step), queue.wait_for_finish if queue else nothing)
elif which == "trackio":
    import trackio

    def window(first, n):
        each(lambda step: trackio.log({"loss": value(step)}, step=step), trackio.finish)(first, n)
else:
    sys.exit("there is no tracker " + which)

step = 0
for line in sys.stdin:
    n = int(line)
    if which == "trackio":  # only the end of a run says that all of it is stored
        trackio.init(project="bench", auto_log_gpu=False)
    began = time.perf_counter()
    window(step, n)
    took = time.perf_counter() - began
    step += n
    print("rate", n / took, file=answers, flush=True)
