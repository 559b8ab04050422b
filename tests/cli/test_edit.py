import json
import warnings

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from torchdec import load
from torchdec.runs import read_assignments, read_embedding, read_run


def test_a_merge_makes_a_new_run_that_predicts_accordingly(cli, run, data, tmp_path):
    out = tmp_path / "merged"
    cli.ok("merge", run, 0, 2, "-o", out)
    before, after = read_assignments(run), read_assignments(out)
    np.testing.assert_array_equal(after, np.array([0, 1, 0])[before])
    cli.ok("predict", out, data, "-o", tmp_path / "new.parquet")
    assert pq.read_table(tmp_path / "new.parquet").equals(pq.read_table(out / "assignments.parquet"))
    record = read_run(out)
    assert record.edits == ({"edit": "merge", "clusters": [0, 2], "into": 0},)
    assert record.parameters["n_clusters"] == len(record.cluster_sizes) == 2
    assert record.history == read_run(run).history
    assert sorted(path.name for path in out.iterdir()) == sorted(record.files)


def test_a_split_makes_a_new_run_of_one_cluster_more(cli, run, data, tmp_path):
    cli.ok("merge", run, 0, 2, "-o", tmp_path / "merged")
    cli.ok("split", tmp_path / "merged", 0, data, "-o", tmp_path / "split", "--updates", 1)
    record, model = read_run(tmp_path / "split"), load(tmp_path / "split" / "model.safetensors")
    assert [edit["edit"] for edit in record.edits] == ["merge", "split"]
    assert min(record.cluster_sizes) > 0
    assert len(record.cluster_sizes) == 3
    np.testing.assert_array_equal(read_assignments(tmp_path / "split"), model.predict(np.load(data)))
    np.testing.assert_array_equal(read_embedding(tmp_path / "split"), model.transform(np.load(data)))


def test_names_are_shown_and_kept(cli, run, data, tmp_path):
    cli.ok("rename", run, 1, "the [red] middle\x1b[31m", "-o", tmp_path / "named")
    assert load(tmp_path / "named" / "model.safetensors").cluster_names_[1] == "the [red] middle\x1b[31m"
    for command in (("info", tmp_path / "named"), ("summary", tmp_path / "named", data)):
        shown = cli.ok(*command).stdout
        assert "[red]" in shown
        assert "\x1b" not in shown
    assert " rename, cluster 1, name the [red] middle" in cli.ok("info", tmp_path / "named").stdout
    result = cli.ok("rename", tmp_path / "named", 1, "middle", "-o", tmp_path / "again", "--json")
    assert json.loads(result.stdout)["cluster_names"] == ["", "middle", ""]


def test_several_clusters_are_named_at_once_and_their_names_are_handles(cli, run, data, tmp_path):
    cli.ok("rename", run, "2=Ent=er", "1=Free", "-o", tmp_path / "named")
    assert read_run(tmp_path / "named").cluster_names == ("", "Free", "Ent=er")
    cli.ok("rename", tmp_path / "named", "Free=0", "0=Free", "-o", tmp_path / "swapped")
    assert read_run(tmp_path / "swapped").cluster_names == ("Free", "0", "Ent=er")
    cli.ok("merge", tmp_path / "named", "Ent=er", "Free", "-o", tmp_path / "merged")
    assert read_run(tmp_path / "merged").cluster_names == ("", "Free + Ent=er")
    cli.ok("split", tmp_path / "named", "Free", data, "-o", tmp_path / "split", "--updates", 0)
    assert read_run(tmp_path / "split").edits[-1]["cluster"] == 1


def test_a_run_can_take_the_place_of_the_one_it_came_from(cli, run, tmp_path):
    cli.ok("rename", run, 0, "a", "-o", tmp_path / "named")
    cli.ok("merge", tmp_path / "named", 1, 2, "-o", tmp_path / "named", "--force")
    assert len(read_run(tmp_path / "named").edits) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("merge", "RUN", 0, 9), "RUN: b=9 isn't a cluster of this model; it has 0 to 2."),
        (("rename", "RUN", 3, "x"), "RUN: cluster=3 isn't a cluster"),
        (("rename", "RUN", "0=a", "x"), "CLUSTER=NAME: 'x' has no =; write the cluster before it, as in 2=x."),
        (("rename", "RUN", "0=a", "0=b"), "0=a 0=b names a cluster twice"),
        (("rename", "RUN", "Free=a"), "RUN: cluster='Free' isn't a cluster of this model; it has 0 to 2."),
        (("merge", "RUN", "Free", 0), "RUN: a='Free' isn't a cluster of this model"),
        (("split", "RUN", 5, "DATA"), "RUN: cluster=5 isn't a cluster"),
        (("split", "RUN", 0, "RUN"), "DATA: "),
        (
            ("split", "RUN", 0, "FEWER"),
            "fewer.npy has the shape (20, 8), but the run is of (60, 8); give its rows.",
        ),
        (("merge", "DATA", 0, 1), "RUN: "),
        (
            ("edit", "RUN", "absent.json"),
            "EDITS.json: absent.json: there is no such file or folder; check the path",
        ),
        (("rename", "RUN", "--file", "absent.csv"), "--file: absent.csv: there is no such file; check the path"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(cli, run, data, tmp_path, tmp_path_factory, arguments, message):
    fewer = tmp_path_factory.mktemp("rows") / "fewer.npy"
    np.save(fewer, np.load(data)[:20])
    paths = {"RUN": run, "DATA": data, "FEWER": fewer}
    result = cli(*[paths.get(a, a) for a in arguments], "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("torchdec: note: ")]
    assert len(lines) == 1
    assert not list(tmp_path.iterdir())


def test_the_summary_tells_what_each_cluster_is(cli, run, data):
    shown = json.loads(cli.ok("summary", run, data, "--json").stdout)["clusters"]
    assert [cluster["size"] for cluster in shown] == list(read_run(run).cluster_sizes)
    assert all(len(cluster["features"]) == 5 and len(cluster["exemplars"]) == 10 for cluster in shown)
    text = cli.ok("summary", run, data).stdout
    assert str(shown[0]["exemplars"][0]) in text


def test_predict_rejects_the_farthest_rows(cli, run, data, tmp_path):
    result = cli.ok("predict", run, data, "-o", tmp_path / "new.parquet", "--reject", 0.2)
    table = pq.read_table(tmp_path / "new.parquet").to_pandas()
    rejected = table["cluster"] == -1
    assert rejected.mean() == pytest.approx(0.2, abs=0.04)
    assert f"{rejected.sum()} in none (-1)" in result.stdout
    assert (table["confidence"][rejected] == 0).all()
    assert (table["confidence"][~rejected] > 0).all()


def test_a_table_is_told_in_words_by_every_command(cli, tmp_path):
    rng = np.random.default_rng(0)
    spend = np.concatenate([rng.normal(middle, 5, 40) for middle in (100, 500, 900)])
    lines = [f"C{i:03d},{value:.2f},{rng.normal(0.01 * value, 1):.2f}\n" for i, value in enumerate(spend)]
    (tmp_path / "t.csv").write_text("customer_id,spend,orders\n" + "".join(lines))
    shown = cli.ok("fit", tmp_path / "t.csv", "-k", 3, "-o", tmp_path / "run", "--quiet").stdout
    run = read_run(tmp_path / "run")
    for number, about in enumerate(run.descriptions):
        assert any(trait["column"] == "spend" for trait in about["traits"])
        texts = "; ".join(trait["text"] for trait in about["traits"][:3])
        assert f"{number} {about['automatic_name']}: {texts}" in shown
    assert run.rules["fidelity"] > 0.8
    cli.ok("rename", tmp_path / "run", "1=mine", "-o", tmp_path / "named")
    cli.ok("predict", tmp_path / "named", tmp_path / "t.csv", "-o", tmp_path / "new.csv")
    names = pq.read_table(tmp_path / "run" / "assignments.parquet").column_names
    new = pd.read_csv(tmp_path / "new.csv")
    assert "name" not in names
    wanted = [about["automatic_name"] for about in run.descriptions]
    wanted[1] = "mine"
    assert new["name"].tolist() == [wanted[number] for number in new["cluster"]]
    told = json.loads(cli.ok("summary", tmp_path / "named", tmp_path / "t.csv", "--json").stdout)
    assert [cluster["automatic_name"] for cluster in told["clusters"]] == [
        about["automatic_name"] for about in run.descriptions
    ]
    assert told["rules"] == run.rules
    text = cli.ok("summary", tmp_path / "named", tmp_path / "t.csv").stdout
    assert "held-out rows where the model does" in text
    assert f"C{told['clusters'][0]['exemplars'][0]:03d}" in text
    kept = cli.ok("summary", tmp_path / "named").stdout
    for about, name in zip(run.descriptions, wanted, strict=True):
        assert f"{name}: {about['traits'][0]['text']}" in kept
    for given, message in ((("named", "--json"), "give DATA"), (("t.csv",), "isn't a run directory")):
        refused = cli("summary", tmp_path / given[0], *given[1:])
        assert (refused.exit_code, message in refused.stderr) == (2, True)
    (tmp_path / "other.csv").write_text("customer_id,spend,orders\n" + "".join(lines[:80]))
    other = json.loads(cli.ok("summary", tmp_path / "named", tmp_path / "other.csv", "--json").stdout)
    shown_names = [cluster["name"] or cluster["automatic_name"] for cluster in other["clusters"]]
    assert shown_names == wanted
    cli.ok("merge", tmp_path / "named", 0, 1, "-o", tmp_path / "merged")
    assert (read_run(tmp_path / "merged").descriptions, read_run(tmp_path / "merged").rules) == ((), None)
    cli.ok("split", tmp_path / "merged", 0, tmp_path / "t.csv", "-o", tmp_path / "split")
    divided = read_run(tmp_path / "split")  # as many clusters as before, and others
    assert divided.rules["n_held_out"] > 0
    assert all(any(trait["column"] == "spend" for trait in about["traits"]) for about in divided.descriptions)
    few = [line for line in lines[:40] if lines.index(line) % 2] + lines[40:]
    (tmp_path / "few.csv").write_text("customer_id,spend,orders\n" + "".join(few))
    cli.ok("update", tmp_path / "run", tmp_path / "few.csv", "-o", tmp_path / "updated")
    told = json.loads(cli.ok("summary", tmp_path / "updated", tmp_path / "few.csv", "--json").stdout)
    updated = read_run(tmp_path / "updated")  # is described by its own rows, not by those of before
    assert [about["traits"] for about in updated.descriptions] == [c["traits"] for c in told["clusters"]]
    assert updated.rules == told["rules"]
    assert updated.rules["n_held_out"] != run.rules["n_held_out"]


def test_a_refit_like_an_earlier_run_keeps_numbers_and_names(cli, run, data, tmp_path):
    cli.ok("rename", run, "0=a", "1=b", "2=c", "-o", tmp_path / "named")
    result = cli.ok(
        "fit", data, "-k", 3, "--seed", 5, "--like", tmp_path / "named", "-o", tmp_path / "new", "--quiet"
    )
    record = read_run(tmp_path / "new")
    assert record.cluster_names == ("a", "b", "c")
    # The small encoder of the tests puts some rows elsewhere with another seed.
    assert (read_assignments(tmp_path / "new") == read_assignments(run)).mean() > 0.8
    assert [change["change"] for change in record.edits[-1]["changes"]] == ["kept"] * 3
    assert "\n0 a is kept: " in result.stdout
    assert "edit   " in cli.ok("info", tmp_path / "new").stdout
    wrong = cli("fit", data, "-k", 3, "--like", tmp_path, "-o", tmp_path / "none")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "--like: " in wrong.stderr


def test_what_the_model_of_like_cannot_read_is_told_as_a_note(cli, tmp_path):
    lines = [f"{9 * (i % 2) + i / 50:.2f},{('Free', 'Pro')[i % 2]}\n" for i in range(40)]
    (tmp_path / "old.csv").write_text("spend,plan\n" + "".join(lines))
    (tmp_path / "new.csv").write_text("spend,plan\n" + "".join([*lines, *["9.5,Max\n"] * 8]))
    cli.ok("fit", tmp_path / "old.csv", "-k", 2, "-o", tmp_path / "old", "--quiet")
    like = ("--like", tmp_path / "old", "-o", tmp_path / "new", "--quiet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = cli.ok("fit", tmp_path / "new.csv", "-k", 2, *like)
    assert "torchdec: note: column 'plan' holds 'Max', which the rows of the fit did not have" in told.stderr


def test_a_run_of_rows_that_all_belong_nowhere_can_be_read(cli, run, data, tmp_path):
    (tmp_path / "e.json").write_text(json.dumps({"edits": [{"edit": "noise", "rows": list(range(60))}]}))
    cli.ok("edit", run, tmp_path / "e.json", "-o", tmp_path / "none")
    assert "60 of 60 rows" in cli.ok("info", tmp_path / "none").stdout
    cli.ok("report", tmp_path / "none", data)
    page = (tmp_path / "none" / "report.html").read_text()
    assert "60 rows" in page
    assert "nan%" not in page
