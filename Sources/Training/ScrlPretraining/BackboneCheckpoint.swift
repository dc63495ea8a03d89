// The backbone of a checkpoint, and a backbone as a checkpoint of its own.

import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlStore
import ScrlTraining

extension Backbone {
  /// The online backbone of a checkpoint: a file, or a run folder's newest whole one.
  package static func load(
    _ path: String, makeEngine: (Config) throws(ScrlError) -> any Engine
  ) throws(ScrlError) -> Backbone {
    let reader = try newestCheckpoint(path, for: "load")
    let config = try reader.config()
    let backbone = try Backbone(config, WeightSource(zeros: try makeEngine(config)))
    try reader.fill(CheckpointPlace.model, backbone.state.map { ($0.name, $0.tensor) })
    return backbone
  }

  package func save(_ path: String) throws(ScrlError) {
    let writer = try CheckpointWriter(path: path, libraryVersion: libraryVersion)
    try writer.write(CheckpointPlace.model, state.map { ($0.name, $0.tensor) })
    try writer.write(config)
    try writer.finish()
  }
}
