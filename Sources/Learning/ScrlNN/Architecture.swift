// The residual networks of He et al. 2016, as torchvision builds them (v1.5: a bottleneck
// strides in its 3×3 convolution).

package enum Architecture: String, CaseIterable, Sendable {
  case resnet18, resnet34, resnet50, resnet101

  package enum Block { case basic, bottleneck }

  package var block: Block {
    switch self {
    case .resnet18, .resnet34: .basic
    case .resnet50, .resnet101: .bottleneck
    }
  }

  /// Blocks of each stage.
  package var depths: [Int] {
    switch self {
    case .resnet18: [2, 2, 2, 2]
    case .resnet34, .resnet50: [3, 4, 6, 3]
    case .resnet101: [3, 4, 23, 3]
    }
  }

  /// Output channels over the width of a block's inner convolutions.
  var expansion: Int { block == .basic ? 1 : 4 }

  package func channels(of stage: Stage) -> Int { stage.width * expansion }
}

/// How an image enters. Names are the same, so weights of `imagenet` load up to conv1's shape.
package enum Stem: String, CaseIterable, Sendable {
  case imagenet  // 7×7 stride 2, then max pooling 3×3 stride 2
  case small  // 3×3 stride 1, no pooling: for images of some 32 pixels

  /// Pixels per cell after the stem.
  var stride: Int { self == .imagenet ? 4 : 1 }

  /// Pixels per cell of a stage's feature map.
  package func stride(of stage: Stage) -> Int { stride << stage.index }
}

package enum Stage: String, CaseIterable, Sendable {
  case layer1, layer2, layer3, layer4

  /// 0…3
  package var index: Int {
    switch self {
    case .layer1: 0
    case .layer2: 1
    case .layer3: 2
    case .layer4: 3
    }
  }

  /// Width of the inner convolutions of this stage's blocks.
  package var width: Int { 64 << index }

  /// Stride of this stage's first block.
  package var firstStride: Int { self == .layer1 ? 1 : 2 }
}
