"""`torchdec demo`."""

from pathlib import Path

from torchdec.cli import _options
from torchdec.cli._errors import naming
from torchdec.cli._job import Job, Settings, run_job
from torchdec.cli._score import agreement, agreement_line
from torchdec.cli._summary import print_json, print_run, run_json
from torchdec.cli._terminal import tell

DEFAULT_OUT = Path("demo-run")


def demo(
    clusters: _options.Clusters = 10,
    out: _options.Out = DEFAULT_OUT,
    representation: _options.RepresentationOption = _options.Representation.NEIGHBORS,
    reconstruction_weight: _options.ReconstructionWeight = 0.0,
    augment: _options.AugmentOption = None,
    seed: _options.Seed = 0,
    device: _options.Device = "auto",
    precision: _options.PrecisionOption = _options.Precision.AUTO,
    force: _options.Force = False,
    quiet: _options.Quiet = False,
    as_json: _options.Json = False,
) -> None:
    """Cluster scikit-learn's digits.

    1,797 images of 8 x 8 pixels, bundled with scikit-learn. The true digits are used for the score alone.
    """
    from sklearn.datasets import load_digits

    from torchdec.rows._convert import as_rows
    from torchdec.runs._publish import check_directory

    # The demo owns its default directory; a run there is replaced, anything else is refused all the same.
    force = force or out == DEFAULT_OUT
    with naming("-o/--out"):
        check_directory(out, force=force)
    x, labels = load_digits(return_X_y=True)
    settings = Settings(
        clusters, representation, reconstruction_weight, seed, device, precision, (8, 8) if augment else None
    )
    arrays = {"labels.npy": labels, "rows.npy": x.astype("float32")}
    if not as_json:
        tell("scikit-learn's digits: 1,797 images of 8 x 8 pixels. Their labels are used for the score alone.")
    job = Job(as_rows(x), "scikit-learn digits", settings, out, force, quiet, (8, 8), labels, arrays)
    run = run_job(job)
    score = agreement(out, labels)
    if as_json:
        print_json({**run_json(out, run), "score": score})
        return
    print_run(out, run)
    tell("Try next:")
    tell(f"  torchdec score {out} {out / 'labels.npy'}")
    tell(f"    {agreement_line(score)}")
    tell(f"  torchdec predict {out} {out / 'rows.npy'} -o digits.parquet")
