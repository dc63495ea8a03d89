// swift-tools-version: 6.0
// The rooms of libscrl, the lowest floor first. Folders of Sources are floors, targets are rooms;
// a room imports what it lists and nothing else: the build checks it (`make` passes
// --explicit-target-dependency-import-check error), and Tests/house checks that lists go down only.
// Only ScrlCAPI has `public` declarations (the C border); everything else is `package`.
import PackageDescription

/// A target of `Sources/floor`.
func room(_ floor: String, _ name: String, uses dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)")
}

/// The tests of one room.
func tests(_ room: String, uses dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: "\(room)Tests", dependencies: dependencies + [.target(name: room)])
}

let ground: [Target] = [
  // C doors, each imported by one target; CHost's two parts by one each.
  .systemLibrary(name: "CScrl", path: "include"),
  .systemLibrary(
    name: "CHDF5", path: "Sources/Ground/CHDF5", pkgConfig: "hdf5",
    providers: [.apt(["libhdf5-dev"])]),
  .systemLibrary(
    name: "CTurboJPEG", path: "Sources/Ground/CTurboJPEG", pkgConfig: "libturbojpeg",
    providers: [.apt(["libturbojpeg0-dev"])]),
  room("Ground", "COpenBLAS"),
  room("Ground", "CParallel"),
  room("Ground", "CDNN"),
  room("Ground", "CHost"),
  room("Ground", "ScrlBase", uses: ["CParallel"]),
]

let compute: [Target] = [
  room("Compute", "ScrlTensor", uses: ["ScrlBase"]),
  // The compute seam with the OpenBLAS reference.
  room("Compute", "ScrlKernels", uses: ["ScrlBase", "ScrlTensor", "COpenBLAS"]),
  // The fast engine, with the reference's file names.
  room("Compute", "ScrlOneDNN", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "CDNN"]),
]

let data: [Target] = [
  room("Data", "ScrlImage", uses: ["ScrlBase", "CTurboJPEG"]),
  // Beside ScrlImage, whose run lengths it checks and makes of polygons.
  room("Data", "ScrlStore", uses: ["ScrlBase", "CHDF5", "CHost", "ScrlImage"]),
]

let learning: [Target] = [
  room("Learning", "ScrlAutograd", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels"]),
  room("Learning", "ScrlNN", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd"]),
]

/// What training and everything above it needs.
let foundations: [Target.Dependency] = [
  "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlImage", "ScrlStore", "ScrlAutograd", "ScrlNN",
]

let training: [Target] = [
  // The harness, the same for every task.
  room(
    "Training", "ScrlTraining",
    uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlStore", "ScrlAutograd", "ScrlNN"]),
  room("Training", "ScrlPretraining", uses: foundations + ["ScrlTraining"]),
  // Evaluates what ScrlPretraining trains.
  room("Training", "ScrlEvaluation", uses: foundations + ["ScrlPretraining"]),
  // Detectors on the encoder.
  room(
    "Training", "ScrlDetection",
    uses: foundations + ["ScrlTraining", "ScrlPretraining", "ScrlEvaluation"]),
  // Times the kernels of a Config's step.
  room(
    "Training", "ScrlBench",
    uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlNN", "ScrlPretraining"]),
]

let border: [Target] = [
  room(
    "Border", "ScrlCAPI",
    uses: foundations + [
      "CScrl", "CHost", "ScrlOneDNN", "ScrlTraining", "ScrlPretraining", "ScrlEvaluation",
      "ScrlDetection",
      "ScrlBench",
    ])
]

// One test target per room, and what they share.
let testing: [Target] = [
  .target(
    name: "TestReference", dependencies: ["ScrlBase", "ScrlTensor", "ScrlAutograd", "ScrlNN"],
    path: "Tests/Reference"),
  .target(
    name: "TestSupport",
    dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlOneDNN", "TestReference"],
    path: "Tests/Support"),
  tests("ScrlBase", uses: ["ScrlTensor"]),
  tests("ScrlKernels", uses: ["ScrlBase", "ScrlTensor", "TestSupport"]),
  tests("ScrlOneDNN", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "CDNN", "TestSupport"]),
  tests("ScrlAutograd", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "TestSupport"]),
  tests(
    "ScrlNN", uses: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd", "TestSupport"]),
  tests("ScrlImage", uses: ["ScrlBase", "TestSupport"]),
  tests("ScrlStore", uses: ["ScrlBase", "ScrlImage", "CHDF5"]),
  tests("ScrlPretraining", uses: foundations + ["ScrlOneDNN", "ScrlTraining", "TestSupport"]),
  tests("ScrlEvaluation", uses: foundations + ["ScrlPretraining", "TestSupport"]),
  tests("ScrlDetection", uses: foundations + ["ScrlTraining", "ScrlPretraining", "TestSupport"]),
  tests(
    "ScrlBench", uses: ["ScrlBase", "ScrlKernels", "ScrlNN", "ScrlPretraining", "TestSupport"]),
  // Every quantity of the method against an independent reference, as one table.
  .executableTarget(
    name: "conformance",
    dependencies: [
      "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlOneDNN", "ScrlAutograd", "ScrlNN",
      "ScrlImage", "ScrlStore", "ScrlTraining", "ScrlPretraining", "TestReference",
    ],
    path: "Tests/Conformance", exclude: ["fixtures", "reference", "make_fixtures.py"]),
]

let package = Package(
  name: "libscrl",
  products: [
    .library(name: "scrl", type: .dynamic, targets: ["ScrlCAPI"])
  ],
  targets: ground + compute + data + learning + training + border + testing)
