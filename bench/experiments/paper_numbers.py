"""The numbers of the paper (Xie, Girshick, Farhadi, ICML 2016), by the titles of methods of a study.

Tables are copied; what figures show was read off the paths of the published PDF, to about 0.003.
"""

# ACC of tables 2 and 3, %: the best of nine settings of each method.
ACCURACY = {
    "k-means on the rows": {"mnist": 53.49, "stl10": 28.39, "reuters10k": 52.42},
    "LDMGI": {"mnist": 84.09, "stl10": 33.08, "reuters10k": 43.84},
    "SEC": {"mnist": 80.37, "stl10": 30.75, "reuters10k": 60.08},
    "autoencoder + k-means": {"mnist": 81.84, "stl10": 33.92, "reuters10k": 66.59},
    "autoencoder + LDMGI": {"mnist": 83.98, "stl10": 32.04, "reuters10k": 42.92},
    "autoencoder + SEC": {"mnist": 81.56, "stl10": 32.29, "reuters10k": 61.86},
    "DEC without backprop": {"mnist": 79.82, "stl10": 34.06, "reuters10k": 70.05},
    "DEC, autoencoder": {"mnist": 84.30, "stl10": 35.90, "reuters10k": 72.17},
}

# ACC of table 4, %, on imbalanced MNIST with r_min = 0.1, 0.3, 0.5, 0.7, 0.9.
IMBALANCE = {
    "k-means on the rows": (47.14, 49.93, 53.65, 54.16, 54.39),
    "autoencoder + k-means": (66.82, 74.91, 77.93, 80.04, 81.31),
    "DEC, autoencoder": (70.10, 80.92, 82.68, 84.69, 85.41),
}

# ACC of figure 2, by method and data, from the smallest of the nine settings to the largest.
SENSITIVITY = {
    ("DEC, autoencoder", "mnist"): (0.818, 0.818, 0.833, 0.837, 0.844, 0.842, 0.839, 0.831, 0.822),
    ("LDMGI", "mnist"): (0.842, 0.842, 0.842, 0.842, 0.792, 0.736, 0.725, 0.725, 0.725),
    ("SEC", "mnist"): (0.805, 0.792, 0.528, 0.535, 0.522, 0.522, 0.522, 0.522, 0.519),
    ("DEC, autoencoder", "stl10"): (0.349, 0.351, 0.359, 0.357, 0.353, 0.346, 0.343, 0.341, 0.338),
    ("LDMGI", "stl10"): (0.309, 0.309, 0.331, 0.255, 0.254, 0.254, 0.254, 0.189, 0.195),
    ("SEC", "stl10"): (0.197, 0.273, 0.308, 0.264, 0.264, 0.265, 0.265, 0.266, 0.265),
    ("DEC, autoencoder", "reuters10k"): (0.702, 0.722, 0.720, 0.715, 0.709, 0.702, 0.694, 0.685, 0.681),
    ("LDMGI", "reuters10k"): (0.428, 0.439, 0.439, 0.430, 0.430, 0.439, 0.430, 0.356, 0.354),
    ("SEC", "reuters10k"): (0.460, 0.421, 0.374, 0.603, 0.601, 0.601, 0.601, 0.601, 0.601),
}

# Figure 6, MNIST: NMI and generalizability by the number of clusters; no other numbers were tried.
NUMBER = {
    3: (0.456, 0.837),
    5: (0.644, 0.820),
    8: (0.782, 0.787),
    9: (0.815, 0.771),
    10: (0.809, 0.699),
    15: (0.798, 0.660),
    20: (0.765, 0.588),
}
