package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Errors are all the things that are wrong with one document, in the order of
// its lines. It is never empty when it is returned.
type Errors []Error

// Error returns one line for each Error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// An Error is one thing that is wrong.
type Error struct {
	File    string // as given to Load or Parse; empty for a Config made in code
	Line    int    // from 1; 0 where no line is to blame
	Path    string // such as ingress[0].allow[1].subject; empty for the document as a whole
	Problem string // what is wrong, then "; " and how to mend it
}

// Error returns "file:line: path: problem; fix", without the parts that are unknown.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	return b.String() + e.Problem
}

// maxErrors bounds what a hostile document can make us say.
const maxErrors = 100

// within reports whether path is outer or lies below it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// quote quotes what came from outside: bounded, because it goes to a log, and
// without any PEM, because it may be a key that was pasted in the wrong place.
func quote(s string) string {
	const limit = 80
	if strings.Contains(s, "-----BEGIN") {
		return "(PEM)"
	}
	if len(s) > limit {
		return strconv.QuoteToASCII(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// child returns the path of key below path. A key that is no plain word is quoted.
func child(path, key string) string {
	if strings.Trim(key, hostLetters) != "" || len(key) > 80 {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
