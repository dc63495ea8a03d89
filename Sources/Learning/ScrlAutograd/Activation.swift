// An activation: where its numbers come from, and where its gradient arrives.
// Numbers are made when somebody takes them, some images at a time, while those are still in the
// cache: what BatchNorm or the end of a residual block makes is never written to memory only to be
// read again, and is made once more in the backward pass instead of being kept.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Activation {
  let source: Source
  package let slot: GradientSlot?  // nil: no gradient wanted
  let moments: BatchMoments?  // of the value, where a convolution summed them on the way

  package init(_ value: Tensor, slot: GradientSlot? = nil) {
    self.init(.stored(value), slot: slot)
  }

  init(_ source: Source, slot: GradientSlot?, moments: BatchMoments? = nil) {
    self.source = source
    self.slot = slot
    self.moments = moments
  }

  package var shape: [Int] { source.shape }

  /// All of it: stored, or made now.
  package func value(_ engine: any Engine) throws(ScrlError) -> Tensor {
    try source.images(0..<source.shape[0], engine)
  }

  /// The same in plain order, for whoever reads elements.
  package func plain(_ engine: any Engine) throws(ScrlError) -> Tensor {
    try value(engine).plain(workers: engine.workers)
  }

  /// The same value behind a wall: no gradient passes.
  package var detached: Activation { Activation(source, slot: nil) }
}

/// What an operation keeps of its input.
enum Source {
  case stored(Tensor)
  case normalised(Normalisation)
  case sum(ResidualSum)

  var shape: [Int] {
    switch self {
    case .stored(let tensor): tensor.shape
    case .normalised(let norm): norm.x.shape
    case .sum(let sum): sum.shape
    }
  }

  var layout: Layout {
    switch self {
    case .stored(let tensor): tensor.layout
    case .normalised(let norm): norm.x.layout
    case .sum(let sum): sum.layout
    }
  }

  /// Some images, the same bytes each time. Not to be written into.
  func images(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Tensor {
    switch self {
    case .stored(let tensor): tensor.images(range)
    case .normalised(let norm): try norm.images(range, engine)
    case .sum(let sum): try sum.images(range, engine)
    }
  }
}
