// Which proposals of an image the region heads learn from, and what they are to say of them.
// Letters: K regions, S×S cells of a mask.

import ScrlBase
import ScrlImage
import ScrlKernels

struct Region {
  let image: Int
  let box: PixelBox
  let truth: Int?  // a place in its image's targets; nil: background
}

/// The sampled proposals of one image, foreground first.
func regions(
  _ proposals: [PixelBox], _ targets: ImageTargets, image: Int, _ options: DetectionOptions,
  _ address: Sampler.Address, _ workers: Workers
) -> [Region] {
  let boxes = options.appendsGroundTruth ? proposals + targets.boxes : proposals
  let threshold = Float(options.regionThreshold)
  let matches = Matcher(background: threshold, foreground: threshold, keepsBest: false)
    .match(boxes, to: targets.boxes, workers)
  let sampler = Sampler(
    count: options.regionsPerImage, positiveFraction: options.regionPositiveFraction)
  let (positives, negatives) = sampler.draw(
    positives: matches.labels.indices.filter { matches.labels[$0] == .foreground },
    negatives: matches.labels.indices.filter { matches.labels[$0] == .background }, address)
  return positives.map { Region(image: image, box: boxes[$0], truth: matches.truth[$0]) }
    + negatives.map { Region(image: image, box: boxes[$0], truth: nil) }
}

/// The masks (S,S) of each region, 0 or 1; every region's truth has a mask.
func maskTargets(
  _ regions: [Region], _ targets: [ImageTargets], side: Int, _ workers: Workers
) -> [[Float]] {
  // Regions of one object read the same decoded picture: one object at a time.
  let objects = Dictionary(grouping: regions.indices) {
    [regions[$0].image, regions[$0].truth ?? 0]
  }
  var values = [[Float]](repeating: [], count: regions.count)
  values.withUnsafeMutableBufferPointer { values in
    let values = values
    for (object, members) in objects {
      guard let mask = targets[object[0]].masks[object[1]] else { continue }
      mask.decode().withUnsafeBufferPointer { picture in
        workers.run(members.count) { member in
          let region = members[member]
          values[region] = maskTarget(
            picture, height: mask.height, width: mask.width, box: regions[region].box, side: side)
        }
      }
    }
  }
  return values
}
