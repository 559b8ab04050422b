"""A search over settings, with scikit-learn's own tools, and without labels.

The judge is how far two fits on different rows agree on rows that neither saw: clusters that are in the data are
found from either half.
"""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import ParameterGrid

from torchdec import DEC, NeighborEncoder

X, _ = load_digits(return_X_y=True)
first, second, unseen = np.array_split(np.random.default_rng(0).permutation(X), 3)
base = DEC(10, representation=NeighborEncoder(max_epochs=10), random_state=0)  # short: it is only to compare

found = {}
for settings in ParameterGrid({"representation__n_neighbors": [5, 15], "representation__embedding_dim": [5, 10]}):
    fits = [clone(base).set_params(**settings).fit(rows) for rows in (first, second)]
    agreement = adjusted_rand_score(*(model.predict(unseen) for model in fits))
    found[agreement] = settings
    print(f"{agreement:.3f}", settings)
print("most agreed on:", found[max(found)])
