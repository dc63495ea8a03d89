"""Nearest pictures: python features.py run/ data.h5 [index]

Embeds every picture of a dataset with a pretrained backbone and lists the five most alike ones.
"""

import sys

import numpy as np

import scrl


def main(run: str, data: str, index: int = 0) -> None:
    with scrl.Model.load(run) as model, scrl.Dataset(data) as dataset:
        size = model.config["views.size"]
        vectors = np.concatenate([
            model.embed(np.stack([scrl.prepare(dataset[i], size) for i in part]))
            for part in np.array_split(np.arange(len(dataset)), -(-len(dataset) // 32))])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors[index]
    for place in np.argsort(-likeness)[1:6]:
        print(f"image {place}: {likeness[place]:.3f}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
