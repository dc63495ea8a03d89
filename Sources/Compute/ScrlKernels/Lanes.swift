// Sixteen numbers at a time. A row of sixteen floats of a blocked activation is one cell of 16
// channels or two cells of 8: lane l holds channel l mod b, wherever in the panel it begins.

typealias Lanes = SIMD16<Float>
typealias WideLanes = SIMD16<Double>

let laneCount = 16

@inline(__always)
func lanes(_ p: UnsafePointer<Float>, _ i: Int) -> Lanes {
  UnsafeRawPointer(p + i).loadUnaligned(as: Lanes.self)
}

@inline(__always)
func wideLanes(_ p: UnsafePointer<Double>, _ i: Int) -> WideLanes {
  UnsafeRawPointer(p + i).loadUnaligned(as: WideLanes.self)
}

@inline(__always)
func store(_ value: WideLanes, _ p: UnsafeMutablePointer<Double>, _ i: Int) {
  UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: WideLanes.self)
}

@inline(__always)
func store(_ value: Lanes, _ p: UnsafeMutablePointer<Float>, _ i: Int) {
  UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: Lanes.self)
}

@inline(__always)
func store(_ value: SIMD8<Float>, _ p: UnsafeMutablePointer<Float>, _ i: Int) {
  UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: SIMD8<Float>.self)
}

@inline(__always)
func eightLanes(_ p: UnsafePointer<Float>, _ i: Int) -> SIMD8<Float> {
  UnsafeRawPointer(p + i).loadUnaligned(as: SIMD8<Float>.self)
}

/// Spelt by element: the compiler makes four conversions of four from it.
@inline(__always)
func widened(_ v: Lanes) -> WideLanes {
  WideLanes(
    Double(v[0]), Double(v[1]), Double(v[2]), Double(v[3]), Double(v[4]), Double(v[5]),
    Double(v[6]), Double(v[7]), Double(v[8]), Double(v[9]), Double(v[10]), Double(v[11]),
    Double(v[12]), Double(v[13]), Double(v[14]), Double(v[15]))
}
