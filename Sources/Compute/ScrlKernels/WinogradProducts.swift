// The products of Winograd's convolution: small panels of matrices, whose sums stay in registers.
// Letters: K the depth of a sum; a panel of width w holds K rows of w floats, one after another.

/// m (6 rows of 16) = rows (K blocks of eight, `step` apart, each 6 rows of eight) · panel (K×16).
/// - Parameter depth: K, a multiple of eight.
@inline(__always)
func sixRows(
  _ rows: UnsafePointer<Float>, step: Int, _ panel: UnsafePointer<Float>, depth: Int,
  into m: UnsafeMutablePointer<Float>
) {
  var (a0, a1, b0, b1, c0, c1) = (Eight(), Eight(), Eight(), Eight(), Eight(), Eight())
  var (d0, d1, e0, e1, f0, f1) = (Eight(), Eight(), Eight(), Eight(), Eight(), Eight())
  var (row, factor) = (rows, panel)
  for _ in 0..<(depth / 8) {
    for lane in 0..<8 {
      let (x, y) = (eightLanes(factor, 0), eightLanes(factor, 8))
      add(row[lane], x, y, &a0, &a1)
      add(row[lane &+ 8], x, y, &b0, &b1)
      add(row[lane &+ 16], x, y, &c0, &c1)
      add(row[lane &+ 24], x, y, &d0, &d1)
      add(row[lane &+ 32], x, y, &e0, &e1)
      add(row[lane &+ 40], x, y, &f0, &f1)
      factor += 16
    }
    row += step
  }
  store(a0, m, 0)
  store(a1, m, 8)
  store(b0, m, 16)
  store(b1, m, 24)
  store(c0, m, 32)
  store(c1, m, 40)
  store(d0, m, 48)
  store(d1, m, 56)
  store(e0, m, 64)
  store(e1, m, 72)
  store(f0, m, 80)
  store(f1, m, 88)
}

/// m (4 rows of 16) = Σ columns (K×4 of K×8)ᵀ · panel (K×16), over the points given.
/// - Parameters:
///   - columns, panel: of point 0; those of p lie p times the planes further.
///   - adds: to what m holds.
@inline(__always)
func fourColumns(
  _ columns: UnsafePointer<Float>, plane: Int, _ panel: UnsafePointer<Float>, plane panelPlane: Int,
  points: Range<Int>, depth: Int, into m: UnsafeMutablePointer<Float>, adds: Bool
) {
  var (a0, a1, b0, b1) = (Eight(), Eight(), Eight(), Eight())
  var (c0, c1, d0, d1) = (Eight(), Eight(), Eight(), Eight())
  if adds {
    (a0, a1, b0, b1) = (eightLanes(m, 0), eightLanes(m, 8), eightLanes(m, 16), eightLanes(m, 24))
    (c0, c1, d0, d1) = (eightLanes(m, 32), eightLanes(m, 40), eightLanes(m, 48), eightLanes(m, 56))
  }
  for point in points {
    var (column, factor) = (columns + point &* plane, panel + point &* panelPlane)
    for _ in 0..<depth {
      let (x, y) = (eightLanes(factor, 0), eightLanes(factor, 8))
      add(column[0], x, y, &a0, &a1)
      add(column[1], x, y, &b0, &b1)
      add(column[2], x, y, &c0, &c1)
      add(column[3], x, y, &d0, &d1)
      column += 8
      factor += 16
    }
  }
  store(a0, m, 0)
  store(a1, m, 8)
  store(b0, m, 16)
  store(b1, m, 24)
  store(c0, m, 32)
  store(c1, m, 40)
  store(d0, m, 48)
  store(d1, m, 56)
}

@inline(__always)
private func add(_ value: Float, _ x: Eight, _ y: Eight, _ one: inout Eight, _ other: inout Eight) {
  let factor = Eight(repeating: value)
  one = one.addingProduct(factor, x)
  other = other.addingProduct(factor, y)
}
