// What all checkpoints have in common: where things lie, and named tensors.

import ScrlAutograd
import ScrlBase
import ScrlStore

package enum CheckpointPlace {
  package static let model = "/model"
  package static let momentum = "/optimizer/momentum"
  package static let metrics = "/metrics/steps"
  package static let config = "/training/config"
  package static let hostConfig = "/training/host_config"
  package static let step = "/training/step"
  package static let stepsSkipped = "/training/steps_skipped"
  package static let epoch = "/training/epoch"
  package static let seed = "/training/seed"
  package static let threads = "/training/threads"
  package static let algorithms = "/training/algorithms"
  package static let ranks = "/training/ranks"
  package static let datasetPath = "/training/dataset_path"
  package static let fingerprint = "/training/dataset_fingerprint"
  /// Of a training that needs the images' classes.
  package static let labels = "/training/label_fingerprint"
  package static let classNames = "/training/class_names"
  /// "detector" in a detector's checkpoint; pretraining's have none.
  package static let task = "/training/task"
}

package typealias NamedTensors = [(name: String, tensor: any StateTensor)]

extension CheckpointWriter {
  package func write(_ group: String, _ tensors: NamedTensors) throws(ScrlError) {
    for (name, tensor) in tensors {
      let plain = try tensor.plain()
      try write(
        CheckpointFormat.path(group: group, weight: name), shape: tensor.plainShape,
        UnsafeBufferPointer(plain.buffer))
    }
  }
}

extension CheckpointReader {
  /// Fills tensors from the datasets of their names; every one must be there with its shape.
  package func fill(_ group: String, _ tensors: NamedTensors) throws(ScrlError) {
    for (name, tensor) in tensors {
      let path = CheckpointFormat.path(group: group, weight: name)
      guard has(path) else {
        throw ScrlError(.format, "read \(self.path): \(path) is missing")
      }
      var values = [Float](repeating: 0, count: tensor.plainCount)
      var failure: ScrlError?
      values.withUnsafeMutableBufferPointer { buffer in
        do throws(ScrlError) {
          try read(path, shape: tensor.plainShape, into: buffer)
          try tensor.writePlain(from: UnsafeBufferPointer(buffer))
        } catch { failure = error }
      }
      if let failure { throw failure }
    }
  }
}
