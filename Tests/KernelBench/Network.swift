// The shapes of ResNet-50 and how often one step uses each.

struct Shape: Hashable {
  let channels: Int
  let side: Int
}

/// Counts are of one forward pass.
struct Network {
  private(set) var norms: [(shape: Shape, relu: Bool, count: Int)] = []
  private(set) var sums: [(shape: Shape, count: Int)] = []  // ends of residual blocks
  private(set) var joins: [(shape: Shape, count: Int)] = []  // gradients that meet
  let pooled: Shape  // before max pooling
  let last: Shape

  init(size: Int) {
    pooled = Shape(channels: 64, side: size / 2)
    last = Shape(channels: 2048, side: size / 32)
    add(pooled, relu: true)
    var (inputs, side) = (64, size / 4)
    for (stage, blocks) in [3, 4, 6, 3].enumerated() {
      let width = 64 << stage
      for block in 0..<blocks {
        joins.add(Shape(channels: inputs, side: side))
        add(Shape(channels: width, side: side), relu: true)  // before the stride, which is conv2's
        if block == 0, stage > 0 { side /= 2 }
        let output = Shape(channels: 4 * width, side: side)
        add(Shape(channels: width, side: side), relu: true)
        add(output, relu: false)
        if block == 0 { add(output, relu: false) }  // downsample
        sums.add(output)
        inputs = output.channels
      }
    }
  }

  private mutating func add(_ shape: Shape, relu: Bool) {
    if let i = norms.firstIndex(where: { $0.shape == shape && $0.relu == relu }) {
      norms[i].count += 1
    } else {
      norms.append((shape, relu, 1))
    }
  }
}

extension [(shape: Shape, count: Int)] {
  fileprivate mutating func add(_ shape: Shape) {
    if let i = firstIndex(where: { $0.shape == shape }) {
      self[i].count += 1
    } else {
      append((shape, 1))
    }
  }
}
