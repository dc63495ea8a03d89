// Sixteen numbers at a time. A row of sixteen floats of a blocked activation is one cell of 16
// channels or two cells of 8: lane l holds channel l mod b, wherever in the panel it begins.

import CStream

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

/// With `past`, past the caches; p + i is then aligned to 32 bytes.
@inline(__always)
func store(_ value: Lanes, _ p: UnsafeMutablePointer<Float>, _ i: Int, past: Bool = false) {
  if past {
    store(value.lowHalf, p, i, past: true)
    store(value.highHalf, p, i &+ 8, past: true)
  } else {
    UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: Lanes.self)
  }
}

@inline(__always)
func store(_ value: SIMD8<Float>, _ p: UnsafeMutablePointer<Float>, _ i: Int, past: Bool = false) {
  if past {
    withUnsafeBytes(of: value) { bytes in
      guard let from = bytes.baseAddress else { return }
      cstream_store8(p + i, from.assumingMemoryBound(to: Float.self))
    }
  } else {
    UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: SIMD8<Float>.self)
  }
}

@inline(__always)
func eightLanes(_ p: UnsafePointer<Float>, _ i: Int) -> SIMD8<Float> {
  UnsafeRawPointer(p + i).loadUnaligned(as: SIMD8<Float>.self)
}

/// Copies past the caches; `to` is aligned to 32 bytes.
func copyPastCaches(
  _ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int
) {
  var i = 0
  while i &+ laneCount <= count {
    store(lanes(from, i), to, i, past: true)
    i &+= laneCount
  }
  (to + i).update(from: from + i, count: count &- i)
}

/// Ends a task that stored past the caches.
@inline(__always)
func endStores(past: Bool) { if past { cstream_fence() } }

/// Whether a result goes past the caches: 16 MiB that its reader would hardly find there. Blocks
/// of eight keep every row aligned. The bytes are the same either way.
func goesPastCaches(_ count: Int, block: Int = laneCount) -> Bool {
  count >= 1 << 22 && block % 8 == 0
}

/// Spelt by element: the compiler makes four conversions of four from it.
@inline(__always)
func widened(_ v: Lanes) -> WideLanes {
  WideLanes(
    Double(v[0]), Double(v[1]), Double(v[2]), Double(v[3]), Double(v[4]), Double(v[5]),
    Double(v[6]), Double(v[7]), Double(v[8]), Double(v[9]), Double(v[10]), Double(v[11]),
    Double(v[12]), Double(v[13]), Double(v[14]), Double(v[15]))
}
