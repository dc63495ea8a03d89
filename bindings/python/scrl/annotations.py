"""Annotated data sets of other forms: read as COCO dicts for pack(), written from a Dataset.

    notes = scrl.annotations.from_voc("VOC2012", "train")
    scrl.pack("VOC2012", "voc.h5", annotations=notes)
    scrl.annotations.to_coco(scrl.Dataset("voc.h5"), "exported/")

What a from_…() yields is not judged there: pack() does that, for all forms alike. What a form's own
rules leave out or change is in the dict's "issues", which pack() counts with the rest.
"""

import os
from collections import Counter

from ._abi import PathLike
from .cityscapes import from_cityscapes, to_cityscapes
from .dataset import Dataset
from .errors import DataError
from .label_maps import Exported, refuse_existing, safe_path
from .voc import from_voc, to_voc
from .yolo import from_yolo
from .yolo_export import to_yolo

__all__ = ["Exported", "from_cityscapes", "from_voc", "from_yolo", "to_cityscapes", "to_coco", "to_voc",
           "to_yolo"]


def to_coco(dataset: Dataset, folder: PathLike) -> Exported:
    """Writes annotations.json (see Dataset.write_coco) and the images under the names it lists.

    JPEG streams are written as they are; an image whose name has the ending of another form that Pillow
    writes (PNG, …) is decoded and saved in that form. Raises DataError when the folder has an
    annotations.json, or a file of the name of an image, and where two images have one name.
    """
    import json
    import tempfile

    from PIL import Image

    forms = {ending: form for ending, form in Image.registered_extensions().items()
             if form in Image.SAVE}
    base = os.fsdecode(folder)
    os.makedirs(base, exist_ok=True)
    path = os.path.join(base, "annotations.json")
    refuse_existing([path])
    with tempfile.TemporaryDirectory() as elsewhere:
        draft = os.path.join(elsewhere, "annotations.json")
        dataset.write_coco(draft)
        with open(draft, encoding="utf-8") as file:
            names = [image["file_name"] for image in json.load(file)["images"]]
    targets = [safe_path(base, name) for name in names]
    twice = next((each for each, count in Counter(map(os.path.normpath, targets)).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"to_coco: two images would be written to {twice} · expected a name for each")
    refuse_existing(targets)
    dataset.write_coco(path)
    for index, (name, target) in enumerate(zip(names, targets)):
        form = forms.get(os.path.splitext(name)[1].lower(), "JPEG")
        if form in ("JPEG", "MPO"):
            with open(target, "wb") as file:
                file.write(dataset.jpeg(index))
        else:
            Image.fromarray(dataset[index]).save(target, form)
    return Exported(len(names), sum(len(dataset.box_labels(i)) for i in range(len(names))), [])
