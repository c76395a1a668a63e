package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestLoadNamesTheFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	if _, err := config.Load(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error is %v, want the path in it", err)
	}
	if _, err := config.Load("testdata/keys.bad.yaml"); err == nil || !strings.HasPrefix(err.Error(), "testdata/keys.bad.yaml:3: ") {
		t.Errorf("error is %v, want file and line at its start", err)
	}
}

// A pipe that nobody writes to would be waited for, and a device never ends.
func TestOnlyRegularFilesAreLoaded(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "sidegate.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, kind string }{
		{pipe, "a pipe"},
		{"/dev/zero", "a device"},
		{t.TempDir(), "a directory"},
	} {
		_, err := config.Load(test.path)
		if want := fmt.Sprintf("read configuration: %q is %s, not a regular file; ", test.path, test.kind); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s…", err, want)
		}
	}
}

func TestAMissingFileIsNamedWithTheWayToMendIt(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	_, err := config.Read(missing)
	want := fmt.Sprintf("read configuration %q: no such file or directory; check the name, and that the volume is mounted", missing)
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v\nwant    %s", err, want)
	}
}

func TestAFileThatMayNotBeReadSaysWhoseItIs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sidegate.yaml")
	if err := os.WriteFile(file, nil, 0o200); err != nil {
		t.Fatal(err)
	}
	// Anybody may look at the file, nobody may read it.
	for _, parent := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	becomeNobody(t)
	_, err := config.Read(file)
	want := fmt.Sprintf("read configuration %q: permission denied for user %d, its mode is 0200, its owner %d, its group %d; give the volume defaultMode: 0444, as it holds no secret",
		file, os.Geteuid(), os.Getuid(), os.Getgid())
	if err == nil || err.Error() != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error is %v\nwant    %s", err, want)
	}
}

// becomeNobody takes root's way with files from this test: file permissions
// are checked against the user id of the thread.
func becomeNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65532, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() {
		syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		runtime.UnlockOSThread()
	})
}
