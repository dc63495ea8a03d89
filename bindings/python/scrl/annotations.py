"""Annotated data sets of other forms: read as COCO dicts for pack(), written from a Dataset.

    notes = scrl.annotations.from_voc("VOC2012", "train")
    scrl.pack("VOC2012", "voc.h5", annotations=notes)
    scrl.annotations.to_coco(scrl.Dataset("voc.h5"), "exported/")

What a from_…() yields is not judged there: pack() does that, for all forms alike.
"""

import os

from ._ffi import PathLike
from .cityscapes import from_cityscapes, to_cityscapes
from .dataset import Dataset
from .label_maps import Exported, safe_path
from .voc import from_voc, to_voc

__all__ = ["Exported", "from_cityscapes", "from_voc", "to_cityscapes", "to_coco", "to_voc"]


def to_coco(dataset: Dataset, folder: PathLike) -> Exported:
    """Writes annotations.json (see Dataset.write_coco) and the images under the names it lists.

    JPEG streams are written as they are; an image whose name has another ending (PNG, …) is decoded
    and saved in that form with Pillow.
    """
    import json

    base = os.fsdecode(folder)
    os.makedirs(base, exist_ok=True)
    path = os.path.join(base, "annotations.json")
    dataset.write_coco(path)
    with open(path, encoding="utf-8") as file:
        names = [image["file_name"] for image in json.load(file)["images"]]
    for index, name in enumerate(names):
        target = safe_path(base, name)
        if name.lower().endswith((".jpg", ".jpeg")):
            with open(target, "wb") as file:
                file.write(dataset.jpeg(index))
        else:
            from PIL import Image

            Image.fromarray(dataset[index]).save(target)
    return Exported(len(names), sum(len(dataset.box_labels(i)) for i in range(len(names))), [])
