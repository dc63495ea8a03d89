// An activation and the place where its gradient arrives.
// Rule, said once: parameters' gradients accumulate (Parameter), activations' are assigned; an
// activation that feeds several operations receives the sum of their contributions.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Activation {
  package let value: Tensor
  package let slot: GradientSlot?  // nil: no gradient wanted
  private let recipe: Normalisation?  // how to compute the value again, where that is cheap

  package init(_ value: Tensor, slot: GradientSlot? = nil) {
    self.init(value, slot: slot, recipe: nil)
  }

  init(_ value: Tensor, slot: GradientSlot?, recipe: Normalisation?) {
    self.value = value
    self.slot = slot
    self.recipe = recipe
  }

  /// The same value behind a wall: no gradient passes.
  package var detached: Activation { Activation(value) }

  /// What an operation keeps of this input for its gradient.
  var saved: SavedActivation {
    if let recipe { return .recomputed(recipe) }
    return .kept(value)
  }
}

/// An input as the backward pass gets it: kept, or computed again from what BatchNorm keeps
/// anyway, by the same kernel and so with the same bytes.
enum SavedActivation {
  case kept(Tensor)
  case recomputed(Normalisation)

  var shape: [Int] {
    switch self {
    case .kept(let tensor): tensor.shape
    case .recomputed(let norm): norm.x.shape
    }
  }

  func tensor(_ engine: any Engine) throws(ScrlError) -> Tensor {
    switch self {
    case .kept(let tensor): return tensor
    case .recomputed(let norm): return try norm.output(engine)
    }
  }
}

/// The gradient of one activation, between the operations that use it and the one that made it.
package final class GradientSlot {
  private var gradient: Tensor?
  private var isOwned = false  // nobody else holds `gradient`, so it may be added to

  package init() {}

  /// Takes a contribution: the first as it is, later ones added. Never writes into a tensor that
  /// someone else may hold.
  /// - Parameter shared: the giver keeps the tensor or hands it to another slot as well.
  package func receive(
    _ contribution: Tensor, shared: Bool = false, _ workers: Workers
  ) throws(ScrlError) {
    guard let held = gradient else {
      gradient = contribution
      isOwned = !shared
      return
    }
    guard held.shape == contribution.shape, held.layout == contribution.layout else {
      throw ScrlError(
        .shape,
        "gradient: got \(contribution.shape), \(contribution.layout) · expected \(held.shape), "
          + "\(held.layout)")
    }
    let (sum, addend): (Tensor, Tensor)
    if isOwned {
      (sum, addend) = (held, contribution)
    } else if shared {
      (sum, addend) = (try held.copied(), contribution)
    } else {
      (sum, addend) = (contribution, held)
    }
    try accumulate(sum, addend, workers)
    gradient = sum
    isOwned = true
  }

  /// The gradient, leaving the slot empty; nil when nothing arrived.
  package func take() -> Tensor? {
    defer { gradient = nil }
    return gradient
  }
}
