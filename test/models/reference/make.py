"""Writes test/models/reference/*.json: what scikit-learn, River, statsmodels and Keras answer on small generated rows.

    python3.11 -m venv /tmp/reference && /tmp/reference/bin/pip install numpy scikit-learn river statsmodels
    /tmp/reference/bin/python test/models/reference/make.py
    # layers need Keras, which needs another numpy: an environment of its own
    python3.11 -m venv /tmp/keras && /tmp/keras/bin/pip install tensorflow-cpu==2.15.1
    /tmp/keras/bin/python test/models/reference/make.py keras

Values are rounded to float32 first, so that the float32 of scikit-learn's trees loses nothing.
"""
import json
import platform
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def flat(a):
    return [float(v) for v in np.asarray(a).ravel()]


def write(name, versions, values):
    versions = {"python": platform.python_version(), "numpy": np.__version__, **versions}
    command = "python test/models/reference/make.py" + (" keras" if "tensorflow" in versions else "")
    text = json.dumps({"command": command, "versions": versions, **values}, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n")
    print(name, len(text))


def data(seed=0, n=200, dims=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dims))
    x[:, 1] += 0.8 * x[:, 0]
    y = ((x[:, 0] * x[:, 1] - x[:, 2] + 0.5 * rng.normal(size=n)) > 1).astype(int)
    probes = 1.5 * rng.normal(size=(40, dims))
    return x.astype(np.float32).astype(float), y, probes.astype(np.float32).astype(float)


def svm(versions):
    from sklearn.calibration import _sigmoid_calibration
    from sklearn.svm import SVC, OneClassSVM

    x, y, probes = data(1)
    c = SVC(C=1.0, gamma="scale").fit(x, y)
    o = OneClassSVM(nu=0.1, gamma="scale").fit(x)
    f = c.decision_function(x)
    a, b = _sigmoid_calibration(f, y)
    write("svm", versions, {
        "dims": 4, "rows": flat(x), "labels": [int(v) for v in y], "probes": flat(probes),
        "gamma": float(c._gamma), "decision": flat(c.decision_function(probes)), "vectors": int(c.n_support_.sum()),
        "oneClass": flat(o.decision_function(probes)), "oneClassVectors": int(o.n_support_.sum()),
        "sigmoid": {"values": flat(f), "a": float(a), "b": float(b)},
    })


def nodes(estimators, value):
    out = {k: [] for k in ("roots", "feature", "cut", "left", "right", "value")}
    for e in estimators:
        t, base = e.tree_, len(out["feature"])
        out["roots"].append(base)
        out["feature"] += [int(f) if f >= 0 else -1 for f in t.feature]
        out["cut"] += [float(c) if f >= 0 else 0.0 for f, c in zip(t.feature, t.threshold)]
        out["left"] += [base + int(i) if i >= 0 else -1 for i in t.children_left]
        out["right"] += [base + int(i) if i >= 0 else -1 for i in t.children_right]
        out["value"] += value(t)
    return out


def trees(versions):
    from sklearn.ensemble import IsolationForest, RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    # scikit-learn draws between equally good splits: the rows must have none, so that every seed grows the same tree
    grown = lambda r: DecisionTreeClassifier(max_depth=3, min_samples_leaf=5, random_state=r).fit(x, y).predict_proba(probes)
    for seed in range(2, 100):
        x, y, probes = data(seed)
        if all((grown(r) == grown(0)).all() for r in range(1, 20)):
            break
    share = lambda t: [float(v[0][1] / v[0].sum()) for v in t.value]
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=5, random_state=0).fit(x, y)
    forest = RandomForestClassifier(n_estimators=10, max_depth=4, random_state=0).fit(x, y)
    iso = IsolationForest(n_estimators=10, max_samples=64, random_state=0).fit(x)
    (big, by, _), test = data(3, 600, 6), data(4, 600, 6)
    big, test = big.round(2), (test[0].round(2), test[1])
    auc = [roc_auc_score(test[1], RandomForestClassifier(n_estimators=100, random_state=s).fit(big, by)
                         .predict_proba(test[0])[:, 1]) for s in range(5)]
    odd = np.vstack([test[0][:500], (2.5 * test[0][500:550]).round(2)])
    is_odd = np.r_[np.zeros(500), np.ones(50)]
    iso_auc = [roc_auc_score(is_odd, -IsolationForest(random_state=s).fit(big).score_samples(odd)) for s in range(5)]
    write("trees", versions, {
        "dims": 4, "rows": flat(x), "labels": [int(v) for v in y], "probes": flat(probes),
        "decisionTree": {"nodes": nodes([tree], share), "shares": flat(tree.predict_proba(probes)[:, 1])},
        "randomForest": {"nodes": nodes(forest.estimators_, share), "shares": flat(forest.predict_proba(probes)[:, 1])},
        "isolation": {
            "nodes": nodes(iso.estimators_, lambda t: [0.0] * t.node_count),
            "samples": [int(v) for e in iso.estimators_ for v in e.tree_.n_node_samples],
            "sampleRows": 64, "scores": flat(-iso.score_samples(probes)),
        },
    })
    write("aucs", versions, {
        "dims": 6, "rows": flat(big), "labels": [int(v) for v in by], "testRows": flat(test[0]),
        "testLabels": [int(v) for v in test[1]], "oddRows": flat(odd), "oddLabels": [int(v) for v in is_odd],
        "randomForest": auc, "isolationForest": iso_auc,
    })


def kmeans(versions):
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(5)
    centres = rng.normal(scale=4, size=(5, 3))
    x = np.vstack([c + rng.normal(size=(40, 3)) for c in centres])
    start = x[[0, 41, 42, 120, 199]]
    km = KMeans(n_clusters=5, init=start, n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(x)
    best = KMeans(n_clusters=5, init="k-means++", n_init=10, random_state=0).fit(x)
    write("k-means", versions, {
        "dims": 3, "rows": flat(x), "start": flat(start), "centres": flat(km.cluster_centers_),
        "inertia": float(km.inertia_), "bestInertia": float(best.inertia_),
        "distances": flat(km.transform(x[::20]).min(axis=1)), "every": 20,
    })


def seasonal(versions):
    """Hours of twelve days of 24; from the third on the forecasts of ETS(A,N,A) that starts with the mean of the first two."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    rng = np.random.default_rng(9)
    hour = np.arange(12 * 24)
    y = 50 + 0.02 * hour + 10 * np.sin(2 * np.pi * hour / 24) + 4 * (hour % 24 == 2) + rng.normal(size=len(hour))
    level, weight = 0.1, 0.5
    start = (y[:24] + y[24:48]) / 2
    model = ExponentialSmoothing(y[48:], seasonal="add", seasonal_periods=24, initialization_method="known",
                                 initial_level=y[0], initial_seasonal=start - y[0])
    fit = model.fit(smoothing_level=level, smoothing_seasonal=weight, optimized=False)
    write("seasonal", versions, {
        "level": level, "weight": weight, "hours": flat(y), "first": 48, "forecasts": flat(fit.fittedvalues),
    })


def half_space(versions):
    from river import anomaly

    rng = np.random.default_rng(6)
    x = np.clip(rng.beta(4, 6, size=(120, 3)), 0, 1)
    probes = rng.uniform(-0.2, 1.2, size=(30, 3))
    h = anomaly.HalfSpaceTrees(n_trees=4, height=4, window_size=50, seed=7)
    row = lambda r: {i: float(v) for i, v in enumerate(r)}
    scores = []
    for i, r in enumerate(x):
        h.learn_one(row(r))
        if i in (60, 119):
            scores.append([h.score_one(row(p)) for p in probes])

    def heap(tree):
        feature, cut, level = [], [], [tree]
        for _ in range(4):
            feature += [int(n.feature) for n in level]
            cut += [float(n.threshold) for n in level]
            level = [c for n in level for c in n.children]
        return feature, cut

    parts = [heap(t) for t in h.trees]
    write("half-space", versions, {
        "dims": 3, "rows": flat(x), "probes": flat(probes), "trees": 4, "height": 4, "windowRows": 50,
        "feature": [f for p in parts for f in p[0]], "cut": [c for p in parts for c in p[1]],
        "after61": scores[0], "after120": scores[1],
    })


def dense():
    """The layers of the autoencoder: what they answer, and their weights after full-batch Adam."""
    import tensorflow as tf

    rng = np.random.default_rng(10)
    sizes, rows, steps, rate = [6, 8, 3, 8, 6], 64, 20, 0.01
    z = rng.normal(size=(rows, 2))
    x = np.tanh(z @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(rows, 6))).astype(np.float32)
    activations = ["tanh", None, "tanh", None]
    layers = [tf.keras.layers.Dense(n, activation=a) for n, a in zip(sizes[1:], activations)]
    model = tf.keras.Sequential(layers)
    model.build((None, sizes[0]))
    start = [rng.normal(scale=0.4, size=w.shape).astype(np.float32) for w in model.get_weights()]
    model.set_weights(start)
    outputs = model(x).numpy()
    model.compile(optimizer=tf.keras.optimizers.Adam(rate), loss="mse")
    model.fit(x, x, batch_size=rows, epochs=steps, shuffle=False, verbose=0)
    write("dense", {"tensorflow": tf.__version__}, {
        "sizes": sizes, "rows": flat(x), "start": [flat(w) for w in start], "outputs": flat(outputs),
        "steps": steps, "rate": rate, "trained": [flat(w) for w in model.get_weights()],
    })


def gru():
    import tensorflow as tf

    rng = np.random.default_rng(8)
    inputs, units, steps, batch = 3, 4, 6, 5
    x = rng.normal(size=(batch, steps, inputs)).astype(np.float32)
    layer = tf.keras.layers.GRU(units, reset_after=False)
    layer.build((None, steps, inputs))
    weights = [rng.normal(scale=0.6, size=w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    kernel, back, bias = weights  # Keras orders update, reset, candidate
    write("gru", {"tensorflow": tf.__version__}, {
        "inputs": inputs, "units": units, "steps": steps, "batch": batch, "rows": flat(x),
        "weights": [flat(w) for w in (kernel[:, :8], back[:, :8], bias[:8], kernel[:, 8:], back[:, 8:], bias[8:])],
        "states": flat(layer(x).numpy()),
    })


if __name__ == "__main__":
    if sys.argv[1:] == ["keras"]:
        gru()
        dense()
    else:
        import river
        import scipy
        import sklearn
        import statsmodels

        v = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__}
        svm(v)
        trees(v)
        kmeans(v)
        half_space({"river": river.__version__})
        seasonal({"statsmodels": statsmodels.__version__})
