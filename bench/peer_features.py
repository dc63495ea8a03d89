"""Times another runtime on what `Model.features` does: ResNet-50, images in, layer4's maps out.

    python bench/peer_features.py --runtime openvino --batch 32 --size 224 --threads 2 --steps 7

The network is torchvision's ResNet-50 (v1.5) without its classifier, BatchNorm folded into the
convolutions, random weights; it is written as ONNX by this script, so that neither torch nor
torchvision is needed. Needs numpy, onnx and the runtime. Prints one JSON line.
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DEPTHS, WIDTHS = (3, 4, 6, 3), (64, 128, 256, 512)


class Graph:
    """Nodes and weights of the network, in the order they run."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.random = np.random.default_rng(0)

    def add(self, kind, inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(self, x, inputs, outputs, kernel, stride=1):
        shape = (outputs, inputs, kernel, kernel)
        deviation = (2 / (inputs * kernel * kernel)) ** 0.5
        weight = self.constant(self.random.standard_normal(shape) * deviation)
        bias = self.constant(np.zeros(outputs))
        return self.add("Conv", [x, weight, bias], kernel_shape=[kernel] * 2,
                        strides=[stride] * 2, pads=[kernel // 2] * 4)

    def relu(self, x):
        return self.add("Relu", [x])

    def bottleneck(self, x, inputs, width, stride):
        y = self.relu(self.convolution(x, inputs, width, 1))
        y = self.relu(self.convolution(y, width, width, 3, stride))
        y = self.convolution(y, width, 4 * width, 1)
        if stride != 1 or inputs != 4 * width:
            x = self.convolution(x, inputs, 4 * width, 1, stride)
        return self.relu(self.add("Add", [y, x]))


def resnet50(batch, size):
    graph = Graph()
    y = graph.relu(graph.convolution("images", 3, 64, 7, 2))
    y = graph.add("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS)):
        for place in range(depth):
            stride = 2 if stage > 0 and place == 0 else 1
            y = graph.bottleneck(y, channels, width, stride)
            channels = 4 * width
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, size, size])
    maps = helper.make_tensor_value_info(y, TensorProto.FLOAT, [batch, channels, "h", "w"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "resnet50", [images], [maps], graph.weights),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnxruntime_runner(model, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0], onnxruntime.__version__


def openvino_runner(model, threads):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda images: request.infer({0: images})[0], openvino.__version__


RUNNERS = {"onnxruntime": onnxruntime_runner, "openvino": openvino_runner}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", choices=sorted(RUNNERS), required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="timed runs, after one that is not")
    options = parser.parse_args()
    run, version = RUNNERS[options.runtime](
        resnet50(options.batch, options.size), options.threads)
    shape = (options.batch, 3, options.size, options.size)
    images = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    maps = run(images)
    assert maps.shape[:2] == (options.batch, 2048) and np.isfinite(maps).all()
    seconds = []
    for _ in range(options.steps):
        begin = time.perf_counter()
        run(images)
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    print(json.dumps({
        "runtime": options.runtime, "version": version, "network": "resnet50",
        "batch": options.batch, "size": options.size, "threads": options.threads,
        "steps": options.steps, "seconds": round(median, 4),
        "images_per_second": round(options.batch / median, 2)}))


if __name__ == "__main__":
    main()
