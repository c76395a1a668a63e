package minica_test

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/minica"
)

func TestMountLooksLikeAMountedSecret(t *testing.T) {
	m := minica.Mount{Dir: filepath.Join(t.TempDir(), "tls")}
	write(t, m, "tls.crt", "certificate", "tls.key", "key")

	dataDir := readlink(t, m, "..data")
	if !strings.HasPrefix(dataDir, "..20") || strings.Contains(dataDir, "/") {
		t.Errorf("..data → %q, want a time-stamped directory beside it", dataDir)
	}
	if got := readlink(t, m, "tls.key"); got != "..data/tls.key" {
		t.Errorf("tls.key → %q, want ..data/tls.key", got)
	}
	info, err := os.Stat(filepath.Join(m.Dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o644 {
		t.Errorf("tls.key has mode %v, want kubelet's default, -rw-r--r--", mode)
	}
	if diff := cmp.Diff([]string{dataDir, "..data", "tls.crt", "tls.key"}, list(t, m)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

func TestWriteReplacesTheWholeContent(t *testing.T) {
	m := minica.Mount{Dir: t.TempDir()}
	write(t, m, "tls.crt", "1", "tls.key", "1", "old.pem", "1")
	first := readlink(t, m, "..data")
	write(t, m, "tls.crt", "2", "tls.key", "2", "ca.crt", "2")
	second := readlink(t, m, "..data")

	if first == second {
		t.Errorf("..data → %q as before", second)
	}
	if diff := cmp.Diff([]string{second, "..data", "ca.crt", "tls.crt", "tls.key"}, list(t, m)); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
	for _, name := range []string{"ca.crt", "tls.crt", "tls.key"} {
		if got := read(t, m, name); got != "2" {
			t.Errorf("%s holds %q, want the new content", name, got)
		}
	}
}

func TestWriteOfTheSameSwapsNothing(t *testing.T) {
	m := minica.Mount{Dir: t.TempDir()}
	write(t, m, "tls.crt", "1")
	before := readlink(t, m, "..data")
	write(t, m, "tls.crt", "1")
	if after := readlink(t, m, "..data"); after != before {
		t.Errorf("..data → %q, was %q: kubelet does not swap what has not changed", after, before)
	}
}

func TestWriteBelowADirectory(t *testing.T) {
	m := minica.Mount{Dir: t.TempDir()}
	write(t, m, "partner/ca.crt", "1")
	write(t, m, "partner/ca.crt", "2")
	if got := readlink(t, m, "partner"); got != "..data/partner" {
		t.Errorf("partner → %q, want ..data/partner", got)
	}
	if got := read(t, m, "partner/ca.crt"); got != "2" {
		t.Errorf("partner/ca.crt holds %q, want the new content", got)
	}
}

func TestWriteRefusesNamesOutsideTheMount(t *testing.T) {
	for _, name := range []string{"", "/etc/passwd", "../tls.key", "..data", "a/../../b"} {
		m := minica.Mount{Dir: filepath.Join(t.TempDir(), "tls")}
		if err := m.Write(map[string][]byte{name: []byte("x")}); err == nil {
			t.Errorf("Write accepted the name %q", name)
		}
		if _, err := os.Stat(m.Dir); err == nil {
			t.Errorf("Write refused the name %q only after it had begun", name)
		}
	}
}

// A reader that resolves ..data once and reads both files below what it found
// sees the pair of one generation, or that the directory has gone and it must
// look again, but never the certificate of one and the key of another.
func TestBusyReaderNeverSeesAMixedPair(t *testing.T) {
	const rotations = 200
	root := newRoot(t)
	pairs := []*minica.Cert{issue(t, root, minica.Options{}), issue(t, root, minica.Options{})}
	m := minica.Mount{Dir: t.TempDir()}
	writePair(t, m, pairs[0])

	stop, last := make(chan struct{}), make(chan string, 1)
	go func() { last <- busyReader(t, m, stop) }()
	for i := range rotations {
		writePair(t, m, pairs[(i+1)%2])
	}
	close(stop)

	if got, want := <-last, pairs[rotations%2].Leaf.SerialNumber.String(); got != want {
		t.Errorf("the reader last saw the certificate %s, want the last one written, %s", got, want)
	}
}

// busyReader reads pairs without a pause, and once more after stop, and
// returns the serial number of the last.
func busyReader(t *testing.T, m minica.Mount, stop <-chan struct{}) (last string) {
	for stopped := false; !stopped; {
		select {
		case <-stop:
			stopped = true
		default:
		}
		serial, err := readPair(m)
		switch {
		case err == nil:
			last = serial
		case !errors.Is(err, fs.ErrNotExist):
			t.Errorf("reader: %v", err)
			return last
		}
	}
	return last
}

// readPair returns the serial number of the pair mounted now. Its error is
// "does not exist" if the directory was replaced meanwhile.
func readPair(m minica.Mount) (string, error) {
	dir, err := os.Readlink(filepath.Join(m.Dir, "..data"))
	if err != nil {
		return "", err
	}
	certificate, err := os.ReadFile(filepath.Join(m.Dir, dir, "tls.crt"))
	if err != nil {
		return "", err
	}
	key, err := os.ReadFile(filepath.Join(m.Dir, dir, "tls.key"))
	if err != nil {
		return "", err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return "", err
	}
	return pair.Leaf.SerialNumber.String(), nil
}

func writePair(t *testing.T, m minica.Mount, c *minica.Cert) {
	t.Helper()
	write(t, m, "tls.crt", string(c.ChainPEM()), "tls.key", string(c.KeyPEM()))
}

// write mounts files given as name, content, name, content …
func write(t *testing.T, m minica.Mount, namesAndContents ...string) {
	t.Helper()
	files := map[string][]byte{}
	for i := 0; i < len(namesAndContents); i += 2 {
		files[namesAndContents[i]] = []byte(namesAndContents[i+1])
	}
	if err := m.Write(files); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, m minica.Mount, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(m.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func readlink(t *testing.T, m minica.Mount, name string) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(m.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// list returns the names in the mount, in order.
func list(t *testing.T, m minica.Mount) []string {
	t.Helper()
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
