package main

import "runtime/debug"

// version is set when it is built: -ldflags '-X main.version=v1.2.3'.
var version string

// buildVersion returns the version of this binary. One that was built without
// being told knows at least what the go command wrote into it.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
