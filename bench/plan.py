"""What is run: sections, and in each the programs that take turns.

A program's kind is "ours" (float32), "ours bf16", "fp32" or "bf16"; ratios are taken against the
best fp32 peer and the best of all. `rate` is the field of a program's JSON that is compared, the
larger the better.
"""

import dataclasses
from typing import List


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    kind: str
    command: List[str]


@dataclasses.dataclass(frozen=True)
class Section:
    key: str
    title: str
    programs: List[Program]
    rate: str = "images_per_second"
    words: str = "as fast"  # what a ratio of rates means


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much a process does."""

    threads: int
    steps: int = 3
    warmup: int = 1
    seconds: float = 5.0
    tiny: bool = False  # to try the tool, not to measure
    bfloat16: bool = False  # this CPU multiplies it, and so may libscrl


class Plan:
    def __init__(self, sizes: Sizes, ours: str, peer: str, folder: str) -> None:
        """ours, peer: the two Pythons; folder: where make_photos.py puts its pictures."""
        self.sizes, self.ours, self.peer, self.folder = sizes, ours, peer, folder

    def sections(self) -> List[Section]:
        many = self.sizes.threads
        step50 = ("resnet50", 16, 224)
        return [
            self._steps("step50", *step50),
            self._steps("step18", "resnet18", 32, 224),
            self._steps("step50_128", "resnet50", 32, 128),
            self._views(),
            self._features(),
            Section("threads", f"One thread and {many}: training step, ResNet-50, 224²", [
                program for threads in dict.fromkeys((1, many))
                for program in (
                    self._our_step(f"scrl, {threads}", *step50, threads),
                    self._torch_step(f"PyTorch nhwc fp32, {threads}", *step50, "nhwc", "fp32",
                                     threads=threads))]),
            Section("reference", "The reference (OpenBLAS): training step, ResNet-50, 224²", [
                self._our_step("scrl on OpenBLAS", *step50, many, "compute.backend=openblas"),
                self._torch_step("PyTorch nchw fp32", *step50, "nchw", "fp32")]),
            self._busy("resnet18", 32, 128),
            self._kernels(*step50),
        ]

    def _steps(self, key: str, arch: str, batch: int, size: int) -> Section:
        name = arch.replace("resnet", "ResNet-")
        many = self.sizes.threads
        programs = [self._our_step("scrl", arch, batch, size, many)]
        if self.sizes.bfloat16:
            reduced = self._our_step("scrl bfloat16", arch, batch, size, many,
                                     "compute.precision=bfloat16")
            programs.append(dataclasses.replace(reduced, kind="ours bf16"))
        for dtype in ("fp32", "bf16"):
            for layout in ("nchw", "nhwc"):
                programs.append(self._torch_step(f"PyTorch {layout} {dtype}", arch, batch, size,
                                                 layout, dtype))
            programs.append(self._torch_step(f"PyTorch compile {dtype}", arch, batch, size, "nhwc",
                                             dtype, "--compile"))
        return Section(key, f"Training step: {name}, {size}², {batch} images, 10 boxes each",
                       programs)

    def _size(self, batch: int, size: int) -> List[str]:
        if self.sizes.tiny:
            batch, size = 2, 64
        return ["--batch", str(batch), "--size", str(size)]

    def _repeats(self) -> List[str]:
        return ["--steps", str(self.sizes.steps), "--warmup", str(self.sizes.warmup)]

    def _our_step(self, name: str, arch: str, batch: int, size: int, threads: int,
                  *settings: str) -> Program:
        chosen = [part for setting in settings for part in ("--set", setting)]
        return Program(name, "ours", [
            self.ours, "-m", "scrl", "bench", "step", "--arch", arch, *self._size(batch, size),
            "--boxes", "10", *self._repeats(), "--threads", str(threads), *chosen, "--json"])

    def _torch_step(self, name: str, arch: str, batch: int, size: int, layout: str, dtype: str,
                    *more: str, threads: int = 0) -> Program:
        return Program(name, dtype, [
            self.peer, "bench/torch_step.py", "--arch", arch, *self._size(batch, size),
            "--boxes", "10", *self._repeats(), "--threads", str(threads or self.sizes.threads),
            "--layout", layout, "--dtype", dtype, *more])

    def _busy(self, arch: str, batch: int, size: int) -> Section:
        name = arch.replace("resnet", "ResNet-")
        asked = ["--arch", arch, *self._size(batch, size), "--boxes", "10", "--rounds", "1",
                 "--seconds", str(self.sizes.seconds), "--threads", str(self.sizes.threads)]
        return Section(
            "busy", "Share of its speed that a training step keeps beside one busy process on each "
            f"CPU: {name}, {size}², {batch} images", [
                Program("scrl", "ours", [
                    self.ours, "-m", "scrl", "bench", "busy", *asked, "--json"]),
                *(Program(f"PyTorch {layout} fp32", "fp32", [
                    self.peer, "bench/torch_busy.py", *asked, "--layout", layout])
                  for layout in ("nchw", "nhwc"))],
            "kept", "as much")

    def _kernels(self, arch: str, batch: int, size: int) -> Section:
        return Section("kernels", "Kernels by themselves: training step, ResNet-50, 224²", [
            Program("scrl", "ours", [
                self.ours, "-m", "scrl", "bench", "kernels", "--arch", arch,
                *self._size(batch, size), "--boxes", "10", "--repeats", str(self.sizes.steps),
                "--threads", str(self.sizes.threads), "--json"])])

    def _views(self) -> Section:
        seconds = ["--seconds", str(self.sizes.seconds)]
        size = ["--size", "64" if self.sizes.tiny else "224"]
        return Section("views", "Both views of a photo, one thread", [
            Program("scrl", "ours", [
                self.ours, "-m", "scrl", "bench", "views", "--data", f"{self.folder}/photos.h5",
                *size, *seconds, "--json"]),
            Program("Pillow and torchvision", "fp32", [
                self.peer, "bench/torch_views.py", *size, *seconds,
                *(f"{self.folder}/{index:02}.jpg" for index in range(24))]),
        ], "images_per_cpu_second")

    def _features(self) -> Section:
        size, steps = self._size(32, 224), str(self.sizes.steps)
        threads = ["--threads", str(self.sizes.threads)]
        return Section("features", "Feature maps: ResNet-50, 224², 32 images", [
            Program("scrl", "ours", [
                self.ours, "-m", "scrl", "bench", "features", *size, "--stage", "layer4",
                *self._repeats(), *threads, "--json"]),
            *(Program(title, "fp32", [
                self.peer, "bench/peer_features.py", "--runtime", runtime, *size, *threads,
                "--steps", steps])
              for runtime, title in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")))])
