"""Fit, look, predict, save: the whole of it on scikit-learn's digits."""

import tempfile
from pathlib import Path

from sklearn.datasets import load_digits

from torchdec import DEC, load, save
from torchdec.clusters import summary
from torchdec.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
model = DEC(n_clusters=10, random_state=0).fit(X[:-200])  # y is not used
print(model.stop_reason_.value)

table = summary(model, X[:-200])
print(table[["size", "confidence", "nearest"]])

new = model.predict(X[-200:], reject=0.05)  # -1 for rows farther out than 95 % of those of the fit
known = new >= 0
print(f"{known.sum()} of {len(new)} new rows, accuracy {clustering_accuracy(y[-200:][known], new[known]):.3f}")

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "digits.safetensors"
    save(model, file)
    again = load(file).predict(X[-200:], reject=0.05)
print("loaded again, it predicts the same:", bool((again == new).all()))
