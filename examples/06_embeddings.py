"""Embeddings of a vision or language model: vectors whose direction counts, not their length.

The vectors are drawn here; yours come from `SentenceTransformer(...).encode(texts)`, CLIP and the like.
"""

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from torchdec import DEC
from torchdec.clusters import exemplars
from torchdec.metrics import clustering_accuracy

random = np.random.default_rng(0)
subjects = random.normal(size=(6, 384))
truth = random.integers(6, size=1200)
vectors = (subjects[truth] + 1.5 * random.normal(size=(1200, 384))) * random.lognormal(size=(1200, 1))

# The neighbours of rows with more than 50 features are sought by the cosine already. Vectors of length 1 make the
# encoder see directions alone too.
pipeline = make_pipeline(Normalizer(), DEC(n_clusters=6, random_state=0)).fit(vectors)
labels = pipeline.predict(vectors)
print(f"accuracy {clustering_accuracy(truth, labels):.3f}")

normalizer, model = pipeline
unit = normalizer.transform(vectors)
for number, rows in enumerate(exemplars(model, unit, n=5)):
    print(f"cluster {number}: typical rows {rows.tolist()}")
print("the five rows farthest from every cluster:", np.argsort(-model.outlier_scores(unit))[:5].tolist())
