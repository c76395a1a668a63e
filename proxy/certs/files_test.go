package certs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestFilesOfAVolumeAreOfOneGeneration(t *testing.T) {
	ca := root(t, "Root")
	m := minica.Mount{Dir: filepath.Join(t.TempDir(), "mount")}
	secrets := []folder{
		pair(issue(t, ca, "a")).with("ca.crt", ca.PEM()),
		pair(issue(t, ca, "b")).with("ca.crt", ca.PEM()),
	}
	remount(t, m, secrets[0])
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := m.Write(secrets[i%2]); err != nil {
				stopped <- err
				return
			}
		}
	}()
	inside := func(name string) string { return filepath.Join(m.Dir, name) }
	for i := range 300 {
		files := certs.Files{Certificate: m.Dir, CA: []string{m.Dir}}
		if i%2 == 0 {
			files = certs.Files{Certificate: inside("tls.crt"), Key: inside("tls.key"), CA: []string{inside("ca.crt")}}
		}
		if _, err := certs.Open(files, certs.Options{}); err != nil {
			for _, f := range certs.Faults(err) {
				// Never a mixture, and never a file missing; a volume that is
				// swapped thousands of times a second may be given up.
				if f.Code != certs.CodeChanging {
					t.Fatalf("reading %d: %s", i, texts(err))
				}
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

func TestVolumeMayHoldDirectories(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "gate")
	m := mount(t, folder{"server/tls.crt": leaf.ChainPEM(), "server/tls.key": leaf.KeyPEM(), "trust/ca.crt": ca.PEM()})
	for _, base := range []string{m.Dir, filepath.Join(m.Dir, "..data")} {
		files := certs.Files{Certificate: filepath.Join(base, "server"), CA: []string{filepath.Join(base, "trust")}}
		store, err := certs.Open(files, certs.Options{})
		if err != nil {
			t.Fatal(texts(err))
		}
		if got := store.Current().Items[0].File; got != filepath.Join(base, "trust", "ca.crt") {
			t.Errorf("the item's file is %s", got)
		}
	}
}

// besideAVolume mounts a ConfigMap, and below it a directory with f in it that is
// not of the ConfigMap: an emptyDir, or a CSI volume.
func besideAVolume(t *testing.T, f folder) (dir string) {
	t.Helper()
	m := mount(t, folder{"sidegate.yaml": []byte("ingress: []\n")})
	dir = filepath.Join(m.Dir, "tls")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f.write(t, dir)
	return dir
}

func TestDirectoryBelowAVolumeIsNoneOfIt(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "gate")
	dir := besideAVolume(t, pair(leaf).with("ca.crt", ca.PEM()))
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, files := range map[string]certs.Files{
		"directories": {Certificate: dir, CA: []string{dir}},
		"files":       {Certificate: in("tls.crt"), Key: in("tls.key"), CA: []string{in("ca.crt")}},
	} {
		store, err := certs.Open(files, certs.Options{})
		if err != nil {
			t.Errorf("%s: %s", name, texts(err))
		} else if !serves(store, leaf)() || len(store.Current().Anchors) != 1 {
			t.Errorf("%s: %+v", name, store.Current())
		}
	}
	_, err := certs.Open(certs.Files{CA: []string{in("gone.crt"), filepath.Join(filepath.Dir(dir), "gone.crt")}}, certs.Options{})
	want := []string{"missing tls/gone.crt", "missing gone.crt"}
	if diff := cmp.Diff(want, codes(t, err, filepath.Dir(dir))); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestPathMayBeALinkOrRelative(t *testing.T) {
	m := mount(t, pair(issue(t, root(t, "Root"), "gate")))
	elsewhere := t.TempDir()
	if err := os.Symlink(m.Dir, filepath.Join(elsewhere, "tls")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(elsewhere)
	for _, path := range []string{"tls", "./tls/", filepath.Join(elsewhere, "tls")} {
		if _, err := certs.Open(certs.Files{Certificate: path}, certs.Options{}); err != nil {
			t.Errorf("%s: %s", path, texts(err))
		}
	}
}

func TestWhatIsNoFileIsAFault(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("x"), 8<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	_, err := certs.Open(certs.Files{
		Certificate: large, Key: dir,
		CA: []string{pipe, filepath.Join(dir, "loop"), filepath.Join(large, "below")},
	}, certs.Options{})
	want := []string{"too-large large", "not-a-file " + dir, "not-a-file pipe", "unreadable loop", "unreadable large/below"}
	if diff := cmp.Diff(want, codes(t, err, dir)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestAllFilesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 9 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.pem", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, fmt.Sprintf("%d.pem", i)), 8<<20); err != nil {
			t.Fatal(err)
		}
	}
	_, err := certs.Open(certs.Files{CA: []string{dir}}, certs.Options{})
	if got := codes(t, err, dir); got[0] != "too-large 8.pem" {
		t.Errorf("the ninth of nine files of 8 MiB: %q", got)
	}
}

func TestUnreadableFileSaysWhoseItIs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tls.key")
	if err := os.WriteFile(file, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	// Anybody may look at the file, nobody may read it.
	for path, mode := range map[string]os.FileMode{file: 0, dir: 0o755, filepath.Dir(dir): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		info := must[os.FileInfo](t)(os.Stat(file))
		want := "may not be read by user 65532: its mode is 0000, its owner 0, its group 0"
		if got := certs.Denied(info, 65532); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		becomeNobody(t)
	}
	_, err := certs.Open(certs.Files{CA: []string{file}}, certs.Options{})
	if got := codes(t, err, dir); !cmp.Equal(got, []string{"unreadable tls.key"}) {
		t.Fatalf("faults %q", got)
	}
	for _, words := range []string{"may not be read by user", "its mode is 0000", "defaultMode: 0440"} {
		if !strings.Contains(texts(err), words) {
			t.Errorf("the fault does not say %q: %s", words, texts(err))
		}
	}
}

// becomeNobody takes root's way with files from this test: file permissions
// are checked against the user id of the thread.
func becomeNobody(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65532, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() {
		syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		runtime.UnlockOSThread()
	})
}
