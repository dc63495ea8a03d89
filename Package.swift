// swift-tools-version: 6.0
// The floors of libscrl, lowest first. Imports go down only; SwiftPM enforces it.
// Only ScrlCAPI has `public` declarations (the C border); everything else is `package`.
import PackageDescription

let package = Package(
  name: "libscrl",
  products: [
    .library(name: "scrl", type: .dynamic, targets: ["ScrlCAPI"])
  ],
  targets: [
    // Floor 0: C doors, each imported by one target; CHost's two parts by one each.
    .systemLibrary(name: "CScrl", path: "include"),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .target(name: "COpenBLAS"),
    .target(name: "CParallel"),
    .target(name: "CDNN"),
    .target(name: "CHost"),

    // Floors 1 and 2.
    .target(name: "ScrlBase", dependencies: ["CParallel"]),
    .target(name: "ScrlTensor", dependencies: ["ScrlBase"]),

    // Floor 3: the compute seam with the OpenBLAS reference.
    .target(
      name: "ScrlKernels", dependencies: ["ScrlBase", "ScrlTensor", "COpenBLAS"]),

    // Floor 4: the tape · the fast engine, with the reference's file names.
    .target(name: "ScrlAutograd", dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels"]),
    .target(name: "ScrlOneDNN", dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels", "CDNN"]),

    // Floor 5.
    .target(
      name: "ScrlNN", dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd"]),
    .target(name: "ScrlImage", dependencies: ["ScrlBase", "CTurboJPEG"]),
    // Beside ScrlImage, whose run lengths it checks and makes of polygons.
    .target(name: "ScrlStore", dependencies: ["ScrlBase", "CHDF5", "CHost", "ScrlImage"]),

    // Floor 6.
    .target(
      name: "ScrlMethod",
      dependencies: [
        "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd", "ScrlNN", "ScrlImage",
        "ScrlStore",
      ]),
    // Judges what ScrlMethod trains: beside it, but it looks at its Backbone and Config.
    .target(
      name: "ScrlEval",
      dependencies: [
        "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd", "ScrlNN", "ScrlImage",
        "ScrlStore", "ScrlMethod",
      ]),
    // Detectors on the encoder.
    .target(
      name: "ScrlDetect",
      dependencies: [
        "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlAutograd", "ScrlNN", "ScrlImage",
        "ScrlStore", "ScrlMethod", "ScrlEval",
      ]),
    // Times the kernels of a Config's step.
    .target(
      name: "ScrlBench",
      dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlNN", "ScrlMethod"]),

    // Floor 7: the border.
    .target(
      name: "ScrlCAPI",
      dependencies: [
        "CScrl", "CHost", "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlOneDNN", "ScrlNN",
        "ScrlImage", "ScrlStore", "ScrlMethod", "ScrlEval", "ScrlDetect", "ScrlBench",
      ]),

    // Tests: one target per floor, and what they share.
    .target(
      name: "TestReference", dependencies: ["ScrlBase", "ScrlTensor", "ScrlAutograd", "ScrlNN"],
      path: "Tests/Reference"),
    .target(
      name: "TestSupport",
      dependencies: ["ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlOneDNN", "TestReference"],
      path: "Tests/Support"),
    .testTarget(name: "ScrlBaseTests", dependencies: ["ScrlBase", "ScrlTensor", "TestSupport"]),
    .testTarget(name: "ScrlKernelsTests", dependencies: ["ScrlKernels", "TestSupport"]),
    .testTarget(
      name: "ScrlOneDNNTests",
      dependencies: ["ScrlOneDNN", "ScrlKernels", "CDNN", "TestSupport"]),
    .testTarget(name: "ScrlAutogradTests", dependencies: ["ScrlAutograd", "TestSupport"]),
    .testTarget(name: "ScrlNNTests", dependencies: ["ScrlNN", "TestSupport"]),
    .testTarget(name: "ScrlImageTests", dependencies: ["ScrlImage", "TestSupport"]),
    .testTarget(
      name: "ScrlStoreTests", dependencies: ["ScrlStore", "ScrlImage", "CHDF5", "TestSupport"]),
    .testTarget(
      name: "ScrlMethodTests",
      dependencies: ["ScrlMethod", "ScrlOneDNN", "ScrlStore", "TestSupport"]),
    .testTarget(name: "ScrlEvalTests", dependencies: ["ScrlEval", "TestSupport"]),
    .testTarget(
      name: "ScrlDetectTests",
      dependencies: ["ScrlDetect", "ScrlOneDNN", "ScrlStore", "TestSupport"]),
    .testTarget(name: "ScrlBenchTests", dependencies: ["ScrlBench", "ScrlNN", "TestSupport"]),

    // Every quantity of the method against an independent reference, as one table.
    .executableTarget(
      name: "conformance",
      dependencies: [
        "ScrlBase", "ScrlTensor", "ScrlKernels", "ScrlOneDNN", "ScrlAutograd", "ScrlNN",
        "ScrlImage", "ScrlMethod", "TestReference",
      ],
      path: "Tests/Conformance", exclude: ["fixtures", "reference", "make_fixtures.py"]),
  ]
)
