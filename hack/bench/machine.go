package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine returns what the figures depend on, as pairs of name and value.
func machine() [][2]string {
	return [][2]string{
		{"processor", fmt.Sprintf("%s, %d cores; every proxy has %d threads or workers", processor(), runtime.NumCPU(), workers)},
		{"memory", fieldOf("/proc/meminfo", "MemTotal")},
		{"kernel", firstLine("/proc/sys/kernel/osrelease")},
	}
}

// processor returns the model, which not every architecture tells.
func processor() string {
	if model := fieldOf("/proc/cpuinfo", "model name"); model != "" {
		return model
	}
	return runtime.GOARCH
}

// fieldOf returns the value of the first line "name : value" of a file; "" if
// there is none.
func fieldOf(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(string(line), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstLine(file string) string {
	text, _ := os.ReadFile(file)
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
