// scrl_writer_add_coco: opens the images that a COCO file lists and hands them to the writer with what
// the gate lets through; tells the host of the rest.

import CScrl
import Glibc
import ScrlBase
import ScrlStore

final class CocoImport {
  private(set) var report = scrl_coco_report()
  private let handle: WriterHandle
  private let folder: [UInt8]
  private let gate: CocoGate
  private let options: scrl_coco_options
  private var numbers: [Int32] = []  // the dataset's number of each of the gate's classes
  private var found: [CocoIssue] = []  // of the image in work
  private var boxCount = 0  // of the image in work
  private var mismatch: String?  // why the image in work is not the one that is meant
  private var refused: ScrlError?  // the issue that ends the call

  init(
    _ handle: WriterHandle, folder: UnsafePointer<CChar>, _ gate: CocoGate,
    _ options: scrl_coco_options
  ) {
    self.handle = handle
    self.folder = UnsafeBufferPointer(start: folder, count: strlen(folder)).map(
      UInt8.init(bitPattern:))
    self.gate = gate
    self.options = options
  }

  func run() throws(ScrlError) {
    for issue in gate.issues { try tell(issue) }
    for category in gate.classes {
      numbers.append(try handle.writer.addClass(category.name, id: category.id))
    }
    defer { handle.listed = nil }
    for (place, image) in gate.images.enumerated() {
      try add(place, image)
      if let progress = options.progress,
        progress(report.images, place + 1, gate.images.count, options.user) != 0
      {
        throw ScrlError(.cancelled, "add_coco: stopped by the host")
      }
    }
  }

  private func add(_ place: Int, _ image: CocoAnnotations.Image) throws(ScrlError) {
    (found, boxCount, mismatch) = ([], 0, nil)
    handle.listed = { [unowned self] (height, width) throws(ScrlError) in
      try annotation(of: place, height: height, width: width)
    }
    let path = self.path(of: image.fileName)
    let before = handle.writer.count
    var reason: String?
    do throws(ScrlError) {
      try withCPath(path) { path throws(ScrlError) in try handle.add(file: path, nil) }
    } catch {
      if let refused { throw refused }
      guard error.code == .data || isReadError(error) else { throw error }
      reason = mismatch ?? error.message
      if error.code == .data, mismatch == nil {
        try offer(path, error.message)
        if let refused { throw refused }
        if handle.writer.count > before { reason = nil } else { reason = mismatch ?? reason }
      }
    }
    if let reason { return try skip(place, image, reason) }
    for issue in found { try tell(issue) }
    report.images += 1
    report.annotations += boxCount
  }

  private func annotation(
    of place: Int, height: Int, width: Int
  ) throws(ScrlError) -> SampleAnnotation {
    do throws(ScrlError) {
      let size = CocoAnnotations.Size(height: height, width: width)
      let sample = try gate.sample(of: place, size: size, numbers: numbers)
      if options.refuse != 0, let first = sample.issues.first {
        let error = refusal(first)
        refused = error
        throw error
      }
      (found, boxCount) = (sample.issues, sample.annotation.boxes.count)
      return sample.annotation
    } catch {
      mismatch = error.message
      throw error
    }
  }

  /// Lets the host add a picture that is no usable JPEG.
  private func offer(_ path: [UInt8], _ reason: String) throws(ScrlError) {
    guard let unreadable = options.unreadable else { return }
    var answer: Int32 = 0
    try withCPath(path) { path in
      answer = oneLine(reason).withCString { unreadable(path, $0, -1, options.user) }
    }
    if answer < 0 { throw ScrlError(.cancelled, "add_coco: stopped by the host") }
  }

  private func skip(
    _ place: Int, _ image: CocoAnnotations.Image, _ reason: String
  ) throws(ScrlError) {
    let lost = gate.annotationCount(of: place)
    report.skipped_annotations += lost
    let text = lost == 0 ? reason : "\(reason); its annotations, \(lost), go with it"
    try tell(CocoIssue(.image, .skipped, id: image.id, file: image.fileName, text))
  }

  private func tell(_ issue: CocoIssue) throws(ScrlError) {
    if options.refuse != 0 { throw refusal(issue) }
    switch (issue.entry, issue.action) {
    case (.image, _): report.skipped_images += 1
    case (.category, _): report.skipped_categories += 1
    case (.annotation, .skipped): report.skipped_annotations += 1
    case (.annotation, .clipped): report.clipped_annotations += 1
    }
    guard let hear = options.issue else { return }
    var answer: Int32 = 0
    oneLine(issue.file).withCString { file in
      oneLine(issue.reason).withCString { reason in
        var told = scrl_coco_issue()
        told.struct_size = UInt32(MemoryLayout<scrl_coco_issue>.size)
        told.entry = Int32(
          issue.entry == .image
            ? SCRL_COCO_IMAGE
            : issue.entry == .category ? SCRL_COCO_CATEGORY : SCRL_COCO_ANNOTATION)
        told.action = Int32(issue.action == .skipped ? SCRL_COCO_SKIPPED : SCRL_COCO_CLIPPED)
        told.id = issue.id ?? -1
        told.file = file
        told.reason = reason
        answer = hear(&told, options.user)
      }
    }
    if answer != 0 { throw ScrlError(.cancelled, "add_coco: stopped by the host") }
  }

  private func refusal(_ issue: CocoIssue) -> ScrlError {
    ScrlError(.data, "add_coco: \(issue.text)")
  }

  /// Below the folder, or below its `images`.
  private func path(of name: String) -> [UInt8] {
    let slash = [UInt8(ascii: "/")]
    let plain = folder + slash + Array(name.utf8)
    if access(cPath(plain), F_OK) == 0 { return plain }
    let inside = folder + slash + Array("images/".utf8) + Array(name.utf8)
    return access(cPath(inside), F_OK) == 0 ? inside : plain
  }
}
