package certs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// directory reads the CA files of a directory. [Files.CA] has the rules that
// go by name; the rules that go by content are the parser's.
func (r *reading) directory(path string) {
	names, err := r.place(path).list()
	if err != nil {
		r.fault(r.explain(FieldCA, path, err))
		return
	}
	found, lies := false, setOf(names)
	var reasons []string
	for _, name := range visible(names) {
		file := filepath.Join(path, name)
		if why := r.leftOut(file, lies, r.isDir); why != "" {
			reasons = append(reasons, name+" "+why)
			continue
		}
		found = true
		if s := r.file(FieldCA, file); s != nil {
			s.listed = true
			r.ca = append(r.ca, *s)
		}
	}
	if !found {
		r.fault(&Fault{Code: CodeCAEmpty, File: path, Field: FieldCA, Problem: "holds no CA file" + because(reasons),
			Fix: "put CA certificates into it under names that end in .crt, .pem or .cer, or name the file itself"})
	}
}

// leftOut says why a file of a CA directory is no list of CAs, or nothing if it
// may be one; lies has the names in the directory. What looks like one is told
// of: an anchor must not vanish silently because a key appeared beside it.
func (r *reading) leftOut(file string, lies map[string]bool, isDir func(string) bool) string {
	name, extension := filepath.Base(file), filepath.Ext(file)
	key := strings.TrimSuffix(name, extension) + ".key"
	switch {
	case extension == ".key", !strings.HasPrefix(name, "ca-bundle") && !slices.Contains([]string{".crt", ".pem", ".cer"}, extension):
		return "by its name"
	case isDir(file):
		return "as it is a directory"
	case lies[key]:
		if name != "tls.crt" {
			r.odd(file, "is left out: %s lies beside it, so it is somebody's certificate and no list of CAs; name the file itself to use the CA certificates in it", key)
		}
		return "because of " + key + " beside it"
	case name == "tls.crt":
		r.odd(file, "is left out: that is the name of a served certificate; name the file itself to use the CA certificates in it")
		return "as that is the name of a served certificate"
	}
	return ""
}

func (r *reading) isDir(path string) bool {
	info, err := r.place(path).stat()
	return err == nil && info.IsDir()
}

func (r *reading) odd(file, format string, a ...any) {
	r.oddities = append(r.oddities, oddity{file, fmt.Sprintf(format, a...)})
}

// shownNames is how many names of a directory a message lists.
const shownNames = 5

// because lists why files were left out.
func because(reasons []string) string {
	if len(reasons) == 0 {
		return " (the directory is empty)"
	}
	return ": left out are " + few(reasons, shownNames)
}

// neighbours says what lies where path is missing. The directory that we happen
// to run in, and the root, have nothing to do with it.
func (r *reading) neighbours(path string) string {
	dir, err := filepath.Abs(filepath.Dir(path))
	if here, _ := filepath.Abs("."); err != nil || dir == here || dir == "/" {
		return ""
	}
	names, err := r.place(dir).list()
	if err != nil {
		return ""
	}
	if names = visible(names); len(names) == 0 {
		return " (the directory is empty)"
	}
	return " (the directory holds " + few(names, shownNames) + ")"
}

// setOf returns names as a set: a directory may have very many.
func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// visible returns the names that do not begin with a dot.
func visible(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasPrefix(n, ".") })
}
