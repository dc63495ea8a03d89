// Which part of the source a view shows.

import Glibc
import ScrlBase

/// Random resized crop (Inception's): area over the scale range, aspect 3/4...4/3 log-uniform, ten
/// tries; then the largest central crop within that aspect. Width and height ≥ 1.
func randomResizedCrop(
  width: Int, height: Int, scale: ClosedRange<Double>, _ stream: inout RandomStream
) -> Crop {
  let (narrowest, widest) = (3.0 / 4, 4.0 / 3)
  let area = Double(width * height)
  for _ in 0..<10 {
    let target = area * stream.uniform(in: scale)
    let aspect = exp(stream.uniform(in: log(narrowest)...log(widest)))
    let w = roundedToEven((target * aspect).squareRoot())
    let h = roundedToEven((target / aspect).squareRoot())
    if (1...width).contains(w), (1...height).contains(h) {
      let y = stream.integer(in: 0..<height - h + 1)
      let x = stream.integer(in: 0..<width - w + 1)
      return Crop(y: y, x: x, height: h, width: w)
    }
  }
  let aspect = Double(width) / Double(height)
  var (w, h) = (width, height)
  if aspect < narrowest {
    h = min(height, max(1, roundedToEven(Double(width) / narrowest)))
  } else if aspect > widest {
    w = min(width, max(1, roundedToEven(Double(height) * widest)))
  }
  return Crop(y: (height - h) / 2, x: (width - w) / 2, height: h, width: w)
}

/// The evaluation view: the shorter side becomes size + 32 (in the ratio for 224), then the
/// central square of `size`.
struct CenterView {
  let resizedWidth: Int
  let resizedHeight: Int
  let x: Int  // of the square in the resized image
  let y: Int
  let crop: Crop  // the square in source pixels, rounded

  init(width: Int, height: Int, size: Int) {
    let shorter = roundedToEven(Double(size) * (Double(size + 32) / Double(size)))
    if width <= height {
      resizedWidth = shorter
      resizedHeight = Int(Double(shorter * height) / Double(width))
    } else {
      resizedHeight = shorter
      resizedWidth = Int(Double(shorter * width) / Double(height))
    }
    x = roundedToEven(Double(resizedWidth - size) / 2)
    y = roundedToEven(Double(resizedHeight - size) / 2)
    let zoomX = Double(resizedWidth) / Double(width)
    let zoomY = Double(resizedHeight) / Double(height)
    crop = Crop(
      y: roundedToEven(Double(y) / zoomY), x: roundedToEven(Double(x) / zoomX),
      height: max(1, roundedToEven(Double(size) / zoomY)),
      width: max(1, roundedToEven(Double(size) / zoomX)))
  }
}

/// Half goes to the even neighbour, as in Python.
func roundedToEven(_ value: Double) -> Int { Int(value.rounded(.toNearestOrEven)) }
