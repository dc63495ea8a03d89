// Our parameter names as the official SCRL code has them: its encoder is a Sequential of
// torchvision's children and its heads are Sequentials, so the same BatchNorm is "bn1" here and
// "1" there. Its exclusion rule looks at names, which is why they matter.

/// "encoder.bn1.weight" → "encoder.1.weight", "projector.bn.weight" → "projector.net.1.weight".
/// Names inside residual blocks ("layer1.0.bn1.weight") keep everything but the stage's own.
package func officialName(_ name: String) -> String {
  let parts = name.split(separator: ".").map(String.init)
  if let stage = parts.firstIndex(where: { Stage(rawValue: $0) != nil }),
    let index = Stage(rawValue: parts[stage])?.index
  {
    return (parts[..<stage] + ["\(index + 4)"] + parts[(stage + 1)...]).joined(separator: ".")
  }
  return parts.map { officialParts[$0] ?? $0 }.joined(separator: ".")
}

private let officialParts = [
  "conv1": "0", "bn1": "1",  // the stem in the encoder's Sequential
  "fc1": "net.0", "bn": "net.1", "fc2": "net.3",  // a head; net.2 is its ReLU
]
