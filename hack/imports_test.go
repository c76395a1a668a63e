package hack

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport are the arrows of the house. They point one way, towards
// proxy/subject, so that each package can be read without those above it.
// Commands and hack stand above all, and nothing imports them. Tests may
// import what they like, except a command.
var mayImport = map[string][]string{
	"proxy/subject": {},
	"proxy/policy":  {"proxy/subject"},
	"proxy/certs":   {"proxy/subject"},
	"proxy/http1":   {"proxy/subject"},
	"proxy/metric":  {},
	"proxy/minica":  {"proxy/subject"},
	"proxy/config":  {"proxy/subject", "proxy/policy"},
	"proxy":         {"proxy/subject", "proxy/policy", "proxy/certs", "proxy/http1", "proxy/metric"},
	"proxy/admin":   {"proxy/subject", "proxy/policy", "proxy/certs", "proxy/http1", "proxy/metric", "proxy"},
}

// homes says which packages may import a third-party module: the fewer, the
// easier it is to judge, to update and to replace. Tests are free.
var homes = map[string][]string{
	"github.com/fsnotify/fsnotify":    {"proxy/certs"},
	"github.com/pires/go-proxyproto":  {"proxy"},
	"go.yaml.in/yaml":                 {"proxy/config"},
	"golang.org/x/net":                {"proxy", "proxy/http1"},
	"golang.org/x/sys":                {"proxy/http1"}, // poll(2), which syscall lacks; all else of the system through os and net
	"golang.org/x/sync":               {"proxy", "cmd"},
	"github.com/go-logr/logr":         {"proxy", "proxy/admin", "proxy/certs", "proxy/http1", "cmd"},
	"k8s.io":                          {"cmd/sidegate-controller"},
	"sigs.k8s.io":                     {"cmd/sidegate-controller"},
	"github.com/google/go-cmp":        {}, // tests alone
	"github.com/coder/websocket":      {}, // tests alone
	"github.com/prometheus":           {}, // tests alone: they read our metrics as it would
	"github.com/rogpeppe/go-internal": {}, // tests alone
}

// mustNotLink is what must not be in a binary, at any distance.
var mustNotLink = map[string][]string{
	"cmd/sidegate": {
		"k8s.io", "sigs.k8s.io", // three times the binary and the idle memory of every pod
		"github.com/prometheus", "google.golang.org/protobuf", // 2.3 MiB in every pod (docs/decisions/0006)
		"text/template", "html/template", // they call methods by name, so that the linker keeps all of them: 1.6 MiB
		"testing", "net/http/httptest", "github.com/google/go-cmp", // what belongs to tests
	},
}

func TestImportsPointOneWay(t *testing.T) {
	eachImport(t, func(f sourceFile, imported string) {
		to, ours := strings.CutPrefix(imported, modulePath+"/")
		if !ours {
			return
		}
		if inTree(to, "cmd") && !inTree(f.dir, "cmd") || inTree(to, "hack") && !inTree(f.dir, "hack") {
			t.Errorf("%s imports %s: nothing may import a command or hack; move what you need into a package below proxy", f.path, to)
			return
		}
		if f.isTest() || inTree(f.dir, "cmd") || inTree(f.dir, "hack") {
			return
		}
		allowed, known := mayImport[f.dir]
		switch {
		case !known:
			t.Errorf("%s: package %s has no place yet; give it one in mayImport of hack/imports_test.go", f.path, f.dir)
		case !slices.Contains(allowed, to):
			t.Errorf("%s imports %s; package %s may import only %q: pass the value in from above, or move the code to where both can see it",
				f.path, to, f.dir, allowed)
		}
	})
}

func TestThirdPartyModulesStayAtHome(t *testing.T) {
	eachImport(t, func(f sourceFile, imported string) {
		first, _, _ := strings.Cut(imported, "/")
		standard := !strings.Contains(first, ".")
		if f.isTest() || inTree(f.dir, "hack") || standard || inTree(imported, modulePath) {
			return
		}
		module, allowed, known := homeOf(imported)
		switch {
		case !known:
			t.Errorf("%s imports %s, which has no home; do without it, or give it one in homes of hack/imports_test.go", f.path, imported)
		case !slices.ContainsFunc(allowed, func(home string) bool { return livesIn(f.dir, home) }):
			t.Errorf("%s imports %s, whose home is %q; use what that package offers, or add to it", f.path, module, allowed)
		}
	})
}

func TestCommandsDoNotLinkWhatTheyMustNot(t *testing.T) {
	if _, err := os.Stat("../cmd"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no command yet")
	}
	for command, unwanted := range mustNotLink {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+command)
		list.Dir, list.Stderr = "..", os.Stderr
		out, err := list.Output()
		if err != nil {
			t.Errorf("list what %s links: %v", command, err)
			continue
		}
		for dep := range strings.Lines(string(out)) {
			dep = strings.TrimSpace(dep)
			if slices.ContainsFunc(unwanted, func(u string) bool { return inTree(dep, u) }) {
				t.Errorf("%s links %s; find the way in with: go list -deps -f '{{.ImportPath}}: {{.Imports}}' ./%s | grep %s", command, dep, command, dep)
			}
		}
	}
}

// eachImport calls visit for every import of every file.
func eachImport(t *testing.T, visit func(f sourceFile, imported string)) {
	t.Helper()
	for _, f := range sources(t) {
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s imports %s: %v", f.path, spec.Path.Value, err)
			}
			visit(f, imported)
		}
	}
}

// homeOf finds the entry of homes for an import path: the path itself or the
// nearest one above it.
func homeOf(imported string) (module string, allowed []string, known bool) {
	for module = imported; module != "."; module = path.Dir(module) {
		if allowed, known = homes[module]; known {
			return module, allowed, true
		}
	}
	return "", nil, false
}

// livesIn reports whether the package in dir is the one called home. Home "cmd"
// and those below it mean everything below them too, because how a command
// cuts itself up is its own business.
func livesIn(dir, home string) bool {
	return dir == home || inTree(home, "cmd") && inTree(dir, home)
}

// inTree reports whether path is root or lies below it.
func inTree(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
