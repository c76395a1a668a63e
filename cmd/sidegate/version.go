package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goversion "go/version"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

const versionHelp = `sidegate version - print the version of Sidegate and of Go

Usage:
    sidegate version [-o text|json]

A line that begins with "warning:", or the field warning of the JSON, says that
this binary was built with a Go that has known holes in what Sidegate relies on.
The exit code stays 0.
`

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

// printVersion is the command version.
func printVersion(_ context.Context, args []string, std streams) error {
	fs := newFlags("version")
	format := fs.String("o", "text", "")
	operands, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	if len(operands) > 0 {
		return misuseOf("sidegate help version", fmt.Errorf("version takes no argument, but got %q", operands[0]))
	}
	return writeVersion(std.out, *format, runtime.Version())
}

func writeVersion(w io.Writer, format, goVersion string) error {
	warning := goWarning(goVersion)
	switch format {
	case "text":
		text := fmt.Sprintf("sidegate %s (%s)\n", buildVersion(), goVersion)
		if warning != "" {
			text += fmt.Sprintf("warning: %s\n", warning)
		}
		_, err := io.WriteString(w, text)
		return err
	case "json":
		return json.NewEncoder(w).Encode(struct {
			Version   string `json:"version"`
			GoVersion string `json:"goVersion"`
			Warning   string `json:"warning,omitempty"`
		}{buildVersion(), goVersion, warning})
	}
	return misuseOf("sidegate help version", errors.New("-o is neither text nor json"))
}

// The first releases of Go without the known holes in what Sidegate relies on,
// such as CVE-2026-56866 (httputil.ReverseProxy forwarded CONNECT) and
// CVE-2026-111943 (intermediates that were misissued are still trusted).
var safeGo = map[string]string{"go1.26": "go1.26.11", "go1.27": "go1.27.4"}

// goWarning says what is wrong with having been built by this version of Go, or
// returns "". Development versions, which have no number, are trusted.
func goWarning(v string) string {
	v, _, _ = strings.Cut(v, " ") // without " X:experiment"
	if !goversion.IsValid(v) {
		return ""
	}
	first, known := safeGo[goversion.Lang(v)]
	if !known {
		first = "go1.26" // a series before the first in the list is unsafe, one after the last is not
	}
	if goversion.Compare(v, first) >= 0 {
		return ""
	}
	return fmt.Sprintf("built with %s, which has known holes in TLS and HTTP; build it with %s or %s, or newer", v, safeGo["go1.26"], safeGo["go1.27"])
}
