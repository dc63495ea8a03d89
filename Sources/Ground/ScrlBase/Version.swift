// The version that files and hosts are told; the header's SCRL_VERSION is the same (tested).

package let libraryVersion = "0.1.0"
