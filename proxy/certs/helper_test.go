package certs_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// must fails the test on an error, so that the making of test data reads as
// one line.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func root(t *testing.T, cn string) *minica.CA {
	t.Helper()
	return must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=" + cn}))
}

func issue(t *testing.T, ca *minica.CA, cn string) *minica.Cert {
	t.Helper()
	return must[*minica.Cert](t)(ca.Issue(minica.Options{Subject: "CN=" + cn, DNS: []string{"gate.test"}}))
}

func issueWith(t *testing.T, ca *minica.CA, o minica.Options) *minica.Cert {
	t.Helper()
	return must[*minica.Cert](t)(ca.Issue(o))
}

// A folder is a directory of files by name.
type folder map[string][]byte

// pair is the Secret of a served certificate.
func pair(c *minica.Cert) folder {
	return folder{"tls.crt": c.ChainPEM(), "tls.key": c.KeyPEM()}
}

func (f folder) with(name string, data []byte) folder {
	f = maps.Clone(f)
	f[name] = data
	return f
}

// plain writes files one by one, as rsync or a shell would.
func plain(t *testing.T, f folder) string {
	t.Helper()
	dir := t.TempDir()
	f.write(t, dir)
	return dir
}

func (f folder) write(t *testing.T, dir string) {
	t.Helper()
	for name, data := range f {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mount writes files as a kubelet mounts a Secret.
func mount(t *testing.T, f folder) minica.Mount {
	t.Helper()
	m := minica.Mount{Dir: filepath.Join(t.TempDir(), "mount")}
	remount(t, m, f)
	return m
}

func remount(t *testing.T, m minica.Mount, f folder) {
	t.Helper()
	if err := m.Write(f); err != nil {
		t.Fatal(err)
	}
}

// codes returns "code file" of each fault in err, files without dir.
func codes(t *testing.T, err error, dir string) []string {
	t.Helper()
	var all []string
	for _, f := range certs.Faults(err) {
		if f.Problem == "" || f.Fix == "" {
			t.Errorf("fault %s has no problem or no fix: %+v", f.Code, f)
		}
		all = append(all, f.Code+" "+strings.ReplaceAll(f.File, dir+"/", ""))
	}
	return all
}

func texts(err error) string {
	var all []string
	for _, f := range certs.Faults(err) {
		all = append(all, f.Error()+" → "+f.Fix)
	}
	return strings.Join(all, "\n")
}

// reason returns the reason of a refusal, or "ok".
func reason(t *testing.T, err error) string {
	t.Helper()
	var r *certs.Refusal
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &r):
		t.Fatalf("error %v of type %T, want a *Refusal", err, err)
	case r.Detail == "":
		t.Errorf("refusal %s has no detail", r.Reason)
	}
	return r.Reason
}

func presented(c *minica.Cert) []*x509.Certificate {
	return append([]*x509.Certificate{c.Leaf}, c.Chain...)
}

// eventually polls for what another goroutine is about to do.
func eventually(t *testing.T, what string, done func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	often := time.NewTicker(2 * time.Millisecond)
	defer often.Stop()
	for time.Since(begin) < 5*time.Second {
		if done() {
			return time.Since(begin)
		}
		<-often.C
	}
	t.Fatalf("not within 5 s: %s", what)
	return 0
}

// A journal is a log that can be read.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) logger() logr.Logger {
	return funcr.New(func(_, args string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, args)
	}, funcr.Options{})
}

// with returns the lines that hold text.
func (j *journal) with(text string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.lines), func(l string) bool { return !strings.Contains(l, text) })
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return fmt.Sprint(strings.Join(j.lines, "\n"))
}
