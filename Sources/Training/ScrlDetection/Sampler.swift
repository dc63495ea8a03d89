// Which of the labelled boxes a loss looks at: a number of them, of which a fraction is foreground
// where there are enough. The draw has an address; where nothing has to be left out there is none,
// and the order is that of the indices.

import ScrlBase

struct Sampler {
  let count: Int
  let positiveFraction: Double

  struct Address {
    let seed: UInt64
    let step: Int
    let image: Int  // place in the batch
    let use: RandomStream.Use
  }

  /// Both in the order of their indices.
  func draw(
    positives: [Int], negatives: [Int], _ address: Address
  ) -> (positives: [Int], negatives: [Int]) {
    let most = min(positives.count, Int(Double(count) * positiveFraction))
    let rest = min(negatives.count, count - most)
    var stream = RandomStream(
      seed: address.seed, epoch: address.step, sample: address.image, use: address.use)
    let first = choose(most, of: positives, &stream)
    return (first, choose(rest, of: negatives, &stream))
  }

  /// The beginning of a shuffle (Fisher & Yates), sorted.
  private func choose(_ wanted: Int, of all: [Int], _ stream: inout RandomStream) -> [Int] {
    guard wanted < all.count else { return all }
    var places = all
    for i in 0..<wanted { places.swapAt(i, stream.integer(in: i..<places.count)) }
    return places[..<wanted].sorted()
  }
}
