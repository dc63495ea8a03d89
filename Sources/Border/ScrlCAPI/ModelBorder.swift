// scrl_model_*

import CScrl
import ScrlBase
import ScrlPretraining
import ScrlNN
import ScrlTensor

final class ModelHandle: Handle, @unchecked Sendable {
  override class var kind: String { "model" }
  let backbone: Backbone
  private var hasToldRange = false

  init(_ backbone: Backbone) { self.backbone = backbone }

  /// Pictures for this model; the first that look like bytes divided by 255 are noted.
  func pictures(
    _ pointer: UnsafePointer<scrl_tensor>?, _ name: String
  ) throws(ScrlError) -> Tensor {
    try borrowPictures(pointer, [-1, 3, -1, -1], name) {
      if !hasToldRange {
        Log.shared.note(
          "\(name): all pixels lie in 0 … 1; if they were only divided by 255, normalise them as "
            + "scrl_image_prepare() does")
      }
      hasToldRange = true
    }
  }
}

func stage(_ name: UnsafePointer<CChar>?) throws(ScrlError) -> Stage {
  let word = try text(name, "stage")
  guard let stage = Stage(rawValue: word) else {
    let names = Stage.allCases.map(\.rawValue).joined(separator: ", ")
    throw ScrlError(.argument, "stage: got '\(word)' · expected one of \(names)")
  }
  return stage
}

@c @implementation
public func scrl_model_new(
  _ config: OpaquePointer?, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(model, "model_new")
    let chosen = try checkedConfig(config)
    let backbone = try Backbone(chosen, engine: try makeEngine(chosen))
    out.pointee = Registry.shared.add(ModelHandle(backbone))
  }
}

@c @implementation
public func scrl_model_load(
  _ path: UnsafePointer<CChar>?, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(model, "model_load")
    let backbone = try Backbone.load(
      try text(path, "model_load: path"), makeEngine: makeEngine)
    out.pointee = Registry.shared.add(ModelHandle(backbone))
  }
}

@c @implementation
public func scrl_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> scrl_status {
  border { () throws(ScrlError) in
    let path = try text(path, "model_save: path")
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      try handle.backbone.save(path)
    }
  }
}

@c @implementation
public func scrl_model_config(
  _ model: OpaquePointer?, _ config: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(config, "model_config")
    let handle = try Registry.shared.find(model, ModelHandle.self)
    out.pointee = Registry.shared.add(ConfigHandle(handle.backbone.config))
  }
}

@c @implementation
public func scrl_model_feature_shape(
  _ model: OpaquePointer?, _ stage: UnsafePointer<CChar>?, _ images: Int, _ height: Int,
  _ width: Int, _ shape: UnsafeMutablePointer<Int64>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(shape, "model_feature_shape")
    let handle = try Registry.shared.find(model, ModelHandle.self)
    let wanted = try ScrlCAPI.stage(stage)
    guard images > 0, (1...65536).contains(height), (1...65536).contains(width) else {
      throw ScrlError(
        .argument,
        "model_feature_shape: got \(images) images of \(height)×\(width) · expected "
          + "positive counts, sides up to 65536")
    }
    let known = try handle.backbone.featureShape(
      wanted, images: images, height: height, width: width)
    for (axis, extent) in known.enumerated() { out[axis] = Int64(extent) }
  }
}

@c @implementation
public func scrl_model_features(
  _ model: OpaquePointer?, _ images: UnsafePointer<scrl_tensor>?, _ stage: UnsafePointer<CChar>?,
  _ features: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let wanted = try ScrlCAPI.stage(stage)
    let out = try result(features, "model_features")
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let x = try handle.pictures(images, "model_features")
      try copyOut(
        try handle.backbone.features(x, stage: wanted), out, capacity, "model_features")
    }
  }
}

@c @implementation
public func scrl_model_embedding_size(
  _ model: OpaquePointer?, _ size: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(size, "model_embedding_size")
    out.pointee = try Registry.shared.find(model, ModelHandle.self).backbone.embeddingSize
  }
}

@c @implementation
public func scrl_model_embed(
  _ model: OpaquePointer?, _ images: UnsafePointer<scrl_tensor>?,
  _ embeddings: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(embeddings, "model_embed")
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let x = try handle.pictures(images, "model_embed")
      try copyOut(try handle.backbone.embed(x), out, capacity, "model_embed")
    }
  }
}

@c @implementation
public func scrl_model_embed_regions(
  _ model: OpaquePointer?, _ images: UnsafePointer<scrl_tensor>?,
  _ boxes: UnsafePointer<Float>?, _ box_count: Int, _ embeddings: UnsafeMutablePointer<Float>?,
  _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(embeddings, "model_embed_regions")
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let x = try handle.pictures(images, "model_embed_regions")
      let regions = try regions(boxes, box_count, images: x.shape[0], "model_embed_regions")
      try copyOut(
        try handle.backbone.embedRegions(x, boxes: regions), out, capacity,
        "model_embed_regions")
    }
  }
}

@c @implementation
public func scrl_model_region_size(
  _ model: OpaquePointer?, _ size: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(size, "model_region_size")
    out.pointee = try Registry.shared.find(model, ModelHandle.self).backbone.regionSize
  }
}

@c @implementation
public func scrl_model_free(_ model: OpaquePointer?) {
  defer { BufferPool.shared.trim() }
  Registry.shared.remove(model, ModelHandle.self)
}
