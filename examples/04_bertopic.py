"""Topics: DEC as the cluster model of BERTopic, which names the topics by their words.

Needs bertopic (the extra `examples`). Documents and embeddings are made here, so that nothing is downloaded; yours
come from `SentenceTransformer(...).encode(documents)`.
"""

import numpy as np
from bertopic import BERTopic
from bertopic.backend import BaseEmbedder
from bertopic.dimensionality import BaseDimensionalityReduction
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from torchdec import DEC

SUBJECTS = {
    "orchard": "apple pear plum orchard harvest branch blossom cider ladder basket",
    "harbour": "ship anchor harbour sail tide crew cargo mast lighthouse rope",
    "kitchen": "oven flour butter recipe spoon kitchen bake sugar dough pan",
}
random = np.random.default_rng(0)
documents = [" ".join(random.choice(SUBJECTS[name].split(), 8)) for name in SUBJECTS for _ in range(200)]
embeddings = TruncatedSVD(20, random_state=0).fit_transform(TfidfVectorizer().fit_transform(documents))

# DEC learns its own embedding for the clusters, so BERTopic's reduction of dimensions is left out.
model = DEC(n_clusters=3, random_state=0)
topics = BERTopic(embedding_model=BaseEmbedder(), umap_model=BaseDimensionalityReduction(), hdbscan_model=model)
numbers, _ = topics.fit_transform(documents, embeddings)
print(topics.get_topic_info()[["Topic", "Count", "Name"]])
