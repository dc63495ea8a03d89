// Crops, blurs and colours against Pillow and torchvision, byte for byte where they can be.
// Cases are rows of whole numbers made by Tests/Fixtures/make_image.py; pictures come from names.

import ScrlImage
import TestReference

func pixelRows(_ table: Table) throws {
  try cropRow(table)
  try blurRows(table)
  try colourRows(table)
  try tensorColourRows(table)
}

private let exact = "whole-number arithmetic on both sides, compared by CRC-32"

/// (H,W,3) bytes: `picture` in Tests/Fixtures/hashed.py.
private func picture(_ name: String, _ height: Int, _ width: Int) -> [UInt8] {
  let columns = width / 16 + 2
  let (coarse, fine) = (fnv1a(name + "/coarse"), fnv1a(name + "/fine"))
  var pixels = [UInt8](repeating: 0, count: height * width * 3)
  for y in 0..<height {
    for x in 0..<width {
      for c in 0..<3 {
        func corner(_ i: Int, _ j: Int) -> Int {
          Int(hashWord((i * columns + j) * 3 + c, coarse) >> 24)
        }
        let (i, j, fy, fx) = (y / 16, x / 16, y % 16, x % 16)
        let upper = corner(i, j) * (16 - fx) + corner(i, j + 1) * fx
        let lower = corner(i + 1, j) * (16 - fx) + corner(i + 1, j + 1) * fx
        let place = (y * width + x) * 3 + c
        let noise = Int(hashWord(place, fine) >> 27) - 16
        let value = (upper * (16 - fy) + lower * fy) >> 8 + noise
        pixels[place] = UInt8(clamping: value)
      }
    }
  }
  return pixels
}

/// IEEE's CRC-32, as zlib has it.
private func crc(_ bytes: [UInt8]) -> Double {
  var state = ~UInt32(0)
  for byte in bytes {
    state ^= UInt32(byte)
    for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 1 ? 0xEDB8_8320 : 0) }
  }
  return Double(~state)
}

private func cropRow(_ table: Table) throws {
  let cases = try fixture("image/crops_many")
  let source = picture("crops", 240, 320)
  let resampler = Resampler()
  var wrong = 0
  for index in 0..<cases.shape[0] {
    let row = Array(cases.row(index))
    let c = row.map { Int($0) }  // x, y, width, height, target width, target height, flipped, CRC
    var view = [UInt8](repeating: 0, count: c[4] * c[5] * 3)
    source.withUnsafeBufferPointer { pixels in
      guard let pixels = pixels.baseAddress else { return }
      resampler.resample(
        pixels + (c[1] * 320 + c[0]) * 3, rowStride: 960,
        x: ResampleAxis(from: c[2], to: c[4]), y: ResampleAxis(from: c[3], to: c[5]),
        flipped: c[6] == 1, into: &view)
    }
    if crc(view) != row[7] { wrong += 1 }
  }
  table.row(
    "resized crops unlike Pillow 13's bicubic, of \(cases.shape[0])", Double(wrong), 0, within: 0,
    exact)
}

private func blurRows(_ table: Table) throws {
  let cases = try fixture("image/blur_many")
  var wrong = 0
  for index in 0..<cases.shape[0] {
    let row = Array(cases.row(index))
    let size = Int(row[0])
    var view = picture("blur/\(index)", size, size)
    Blurrer(size: size).resizeBlur(level: Int(row[1]), &view, Resampler())
    if crc(view) != row[2] { wrong += 1 }
  }
  table.row(
    "resize blurs unlike Pillow's, of \(cases.shape[0]), 8² to 256²", Double(wrong), 0, within: 0,
    exact)
  let expected = try fixture("image/gaussian_many")
  let blurrer = Blurrer(size: 64)
  var worst = 0.0
  for (index, sigma) in [0.1, 0.5, 1.0, 2.0].enumerated() {
    var view = picture("gaussian", 64, 64)
    blurrer.gaussianBlur(sigma: sigma, &view)
    worst = max(worst, largestDifference(view, expected.row(index)))
  }
  table.row(
    "Gaussian blur against torchvision's float64, largest, in 1/255", worst, 0, within: 1,
    "Float32 sums: a value at a rounding edge may take the other byte")
}

private func operate(_ operation: Int, _ argument: Double, _ pixels: inout [UInt8]) {
  let count = pixels.count / 3
  let factor = argument / 10000
  switch operation {
  case 0: adjustBrightness(factor, &pixels, count: count)
  case 1: adjustContrast(factor, &pixels, count: count)
  case 2: adjustSaturation(factor, &pixels, count: count)
  case 3: adjustHue(factor - 0.5, &pixels, count: count)
  case 4: convertToGray(&pixels, count: count)
  default: solarize(threshold: 128, &pixels, count: count)
  }
}

private let operations = ["brightness", "contrast", "saturation", "hue", "grayscale", "solarize"]

private func colourRows(_ table: Table) throws {
  let cases = try fixture("image/colour_many")
  var wrong = [Int](repeating: 0, count: operations.count)
  for index in 0..<cases.shape[0] {
    let row = Array(cases.row(index))
    var view = picture("colour/\(index)", 64, 64)
    operate(Int(row[0]), row[1], &view)
    if crc(view) != row[2] { wrong[Int(row[0])] += 1 }
  }
  for (operation, name) in operations.enumerated() {
    table.row(
      "\(name): pictures unlike torchvision's on PIL, of 50", Double(wrong[operation]), 0,
      within: 0, exact + "; the official code's path")
  }
}

/// torchvision's other implementation, on uint8 tensors, does not equal its own on Pillow images.
/// Ours is the Pillow one, so that its distance to the tensor path is Pillow's.
private func tensorColourRows(_ table: Table) throws {
  let cases = try fixture("image/colour_tensor")
  let expected = try fixture("image/colour_tensor_expected")
  for (operation, name) in operations.enumerated() {
    var (ours, pillow) = (0.0, 0.0)
    for index in 0..<cases.shape[0] where Int(cases.row(index).first ?? -1) == operation {
      let row = Array(cases.row(index))
      var view = picture("tensor/\(index)", 32, 32)
      operate(operation, row[1], &view)
      ours = max(ours, largestDifference(view, expected.row(index)))
      pillow = max(pillow, row[2])
    }
    table.row(
      "\(name): largest distance to torchvision's uint8 tensors, in 1/255", ours, pillow,
      within: 0,
      pillow <= 1
        ? "reference: its PIL path's distance; the tensor path rounds apart by \(short(pillow))"
        : "reference: its PIL path's distance; PIL's HSV has 8 bits: 16 at most in 60 wider trials")
  }
}

private func largestDifference(_ a: [UInt8], _ b: some Sequence<Double>) -> Double {
  zip(a, b).reduce(0) { max($0, (Double($1.0) - $1.1).magnitude) }
}
