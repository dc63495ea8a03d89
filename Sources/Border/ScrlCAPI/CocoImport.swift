// scrl_writer_add_coco: opens the images that a COCO file lists and hands them to the writer with what
// the gate lets through; tells the host of the rest.

import CScrl
import Glibc
import ScrlBase
import ScrlStore

final class CocoImport {
  private(set) var report = scrl_coco_report()
  private let handle: WriterHandle
  private let gate: CocoGate
  private let options: scrl_coco_options
  private var numbers: [Int32] = []  // the dataset's number of each of the gate's classes
  private var found: [CocoIssue] = []  // of the image in work
  private var boxCount = 0  // of the image in work
  private var changedCount = 0  // of its boxes
  private var mismatch: String?  // why the image in work is not the one that is meant
  private var refused: ScrlError?  // the issue that ends the call

  init(
    _ handle: WriterHandle, folder: UnsafePointer<CChar>, _ coco: CocoAnnotations,
    _ options: scrl_coco_options
  ) {
    self.handle = handle
    let root = UnsafeBufferPointer(start: folder, count: strlen(folder))
    gate = CocoGate(coco, files: ListedFiles(folder: root.map(UInt8.init(bitPattern:))))
    self.options = options
  }

  func run() throws(ScrlError) {
    guard !gate.hasShares else {
      throw ScrlError(
        .data,
        "add_coco: every bbox lies in 0 … 1: these look like shares of the pictures' sides · "
          + "expected pixels")
    }
    for issue in gate.issues { try tell(issue) }
    for category in gate.classes {
      numbers.append(try handle.writer.addClass(category.name, id: category.id))
    }
    defer { (handle.listed, handle.listedSize) = (nil, nil) }
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
    (found, boxCount, changedCount, mismatch) = ([], 0, 0, nil)
    handle.listedSize = gate.toldSize(of: place)
    handle.listed = { [unowned self] (height, width) throws(ScrlError) in
      try annotation(of: place, height: height, width: width)
    }
    let path = gate.path(of: place)
    let before = handle.writer.count
    var reason: String?
    var kind = "no picture that can be read"
    do throws(ScrlError) {
      try withCPath(path) { path throws(ScrlError) in try handle.add(file: path, nil) }
    } catch {
      if let refused { throw refused }
      guard error.code == .data || isReadError(error) else { throw error }
      reason = mismatch ?? error.message
      if isReadError(error) { kind = "file that cannot be opened" }
      if error.code == .data, mismatch == nil {
        try offer(path, error.message)
        if let refused { throw refused }
        if handle.writer.count > before { reason = nil } else { reason = mismatch ?? reason }
      }
    }
    if let reason {
      if mismatch != nil { kind = "picture of another size than told" }
      return try skip(place, image, CocoReason(kind, reason))
    }
    for issue in found { try tell(issue) }
    report.images += 1
    report.annotations += boxCount
    report.changed_annotations += changedCount
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
      changedCount = sample.changed
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
    _ place: Int, _ image: CocoAnnotations.Image, _ reason: CocoReason
  ) throws(ScrlError) {
    let lost = gate.annotationCount(of: place)
    let more = lost == 0 ? "" : "; its annotations, \(lost), go with it"
    try tell(
      CocoIssue(
        .image, .skipped, id: image.id, file: image.fileName,
        CocoReason(reason.kind, reason.text + more), objects: lost))
  }

  private func tell(_ issue: CocoIssue) throws(ScrlError) {
    if options.refuse != 0, issue.action != .noted { throw refusal(issue) }
    report.skipped_annotations += issue.objects
    switch (issue.entry, issue.action) {
    case (.image, .skipped): report.skipped_images += 1
    case (.image, .changed): report.changed_images += 1
    case (.category, .skipped): report.skipped_categories += 1
    case (.annotation, .clipped): report.clipped_annotations += 1
    default: break
    }
    guard let hear = options.issue else { return }
    var answer: Int32 = 0
    oneLine(issue.file).withCString { file in
      oneLine(issue.reason).withCString { reason in
        oneLine(issue.kind).withCString { kind in
          var told = scrl_coco_issue()
          told.struct_size = UInt32(MemoryLayout<scrl_coco_issue>.size)
          (told.entry, told.action) = (issue.entry.number, issue.action.number)
          told.id = issue.id ?? -1
          (told.file, told.reason, told.kind) = (file, reason, kind)
          told.objects = issue.objects
          answer = hear(&told, options.user)
        }
      }
    }
    if answer != 0 { throw ScrlError(.cancelled, "add_coco: stopped by the host") }
  }

  private func refusal(_ issue: CocoIssue) -> ScrlError {
    ScrlError(.data, "add_coco: \(issue.text)")
  }
}

extension CocoAnnotations.Entry {
  fileprivate var number: Int32 {
    switch self {
    case .image: Int32(SCRL_COCO_IMAGE)
    case .category: Int32(SCRL_COCO_CATEGORY)
    case .annotation: Int32(SCRL_COCO_ANNOTATION)
    case .file: Int32(SCRL_COCO_FILE)
    }
  }
}

extension CocoIssue.Action {
  fileprivate var number: Int32 {
    switch self {
    case .skipped: Int32(SCRL_COCO_SKIPPED)
    case .clipped: Int32(SCRL_COCO_CLIPPED)
    case .changed: Int32(SCRL_COCO_CHANGED)
    case .noted: Int32(SCRL_COCO_NOTED)
    }
  }
}
