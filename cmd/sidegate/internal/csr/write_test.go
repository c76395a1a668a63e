//go:build unix

package csr

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestANewKeyIsItsOwnersAloneWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		dir := t.TempDir()
		r := must(Make(Options{Subject: holderDN, KeyFile: filepath.Join(dir, "key"), Out: filepath.Join(dir, "csr")}))
		before := syscall.Umask(mask)
		err := r.Write(nil)
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]fs.FileMode{"key": 0o600, "csr": 0o644} {
			if info := must(os.Stat(filepath.Join(dir, name))); info.Mode() != want {
				t.Errorf("umask %03o: %s has the mode %s", mask, name, info.Mode())
			}
		}
		if files := must(os.ReadDir(dir)); len(files) != 2 {
			t.Errorf("umask %03o: files are left over: %v", mask, files)
		}
	}
}

func TestALinkToAKeyIsFollowedAndALinkToNothingIsNot(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "key"), filepath.Join(dir, "link")
	if err := os.Symlink("key", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(Options{Subject: holderDN, KeyFile: link}); err == nil || !strings.Contains(err.Error(), "is a symbolic link to a file that does not exist") {
		t.Errorf("a link to nothing: %v", err)
	}
	_, first := made(t, Options{Subject: holderDN, KeyFile: file})
	_, second := made(t, Options{Subject: holderDN, KeyFile: link})
	if !samePublic(first.PublicKey, second.PublicKey) {
		t.Error("the key behind the link is not used")
	}
	if info := must(os.Lstat(link)); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link is none any more")
	}
}

// A link that comes to be between the look and the writing is not written
// through, wherever it points.
func TestALinkThatComesInBetweenIsNotWrittenThrough(t *testing.T) {
	dir := t.TempDir()
	o := Options{Subject: holderDN, KeyFile: filepath.Join(dir, "key")}
	r := must(Make(o))
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), o.KeyFile); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.Write(&out); err == nil || !strings.Contains(err.Error(), "in the meantime") || out.Len() > 0 {
		t.Errorf("got %v, and wrote %q", err, out.String())
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key went through the link: %v", err)
	}
}

func TestOfManyAtOnceOneMakesTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	var group sync.WaitGroup
	outs, errs := make([]bytes.Buffer, 8), make([]error, 8)
	requests := make([]*Request, len(outs))
	for i := range requests {
		requests[i] = must(Make(Options{Subject: holderDN, KeyFile: file}))
	}
	for i, r := range requests {
		group.Go(func() { errs[i] = r.Write(&outs[i]) })
	}
	group.Wait()
	k, exists, err := readKey(file)
	if err != nil || !exists {
		t.Fatalf("no key: %v", err)
	}
	done := 0
	for i, err := range errs {
		switch {
		case err == nil:
			done++
			if !samePublic(parsed(t, outs[i].Bytes()).PublicKey, k.signer.Public()) {
				t.Error("the request that was written is not for the key that was")
			}
		case outs[i].Len() > 0 || !strings.Contains(err.Error(), "run the command again"):
			t.Errorf("%v, and wrote %q", err, outs[i].String())
		}
	}
	if done != 1 {
		t.Errorf("%d made the key", done)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestWhenTheRequestCannotBeWrittenTheKeyStays(t *testing.T) {
	dir := t.TempDir()
	o := Options{Subject: holderDN, KeyFile: filepath.Join(dir, "key")}
	err := must(Make(o)).Write(brokenPipe{})
	if !errors.Is(err, syscall.EPIPE) || !strings.Contains(err.Error(), "stays: run the command again") {
		t.Errorf("got %v", err)
	}
	if err := must(Make(o)).Write(brokenPipe{}); err == nil || strings.Contains(err.Error(), "stays") {
		t.Errorf("of a key that was there before: %v", err)
	}

	o.Out = filepath.Join(dir, "csr")
	r := must(Make(o))
	if err := os.WriteFile(o.Out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(nil); err == nil || !strings.Contains(err.Error(), "in the meantime") {
		t.Errorf("got %v", err)
	}
	if _, err := Make(o); err == nil || !strings.Contains(err.Error(), "exists, and nothing is overwritten") {
		t.Errorf("got %v", err)
	}
	if now := must(os.ReadFile(o.Out)); string(now) != "mine" {
		t.Errorf("the file has become %q", now)
	}
}

func TestFilesMustHaveAPlace(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ key, out, want string }{
		{"", "", "--key is missing"},
		{pipe, "", "is not a regular file"},
		{dir, "", "is a directory"},
		{filepath.Join(dir, "no", "key"), "", "there is no directory"},
		{filepath.Join(dir, "key"), filepath.Join(dir, "no", "csr"), "there is no directory"},
		{filepath.Join(dir, "key"), dir + "/./key", "a file of its own"},
	} {
		if _, err := Make(Options{Subject: holderDN, KeyFile: test.key, Out: test.out}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q, %q: got %v, want %q", test.key, test.out, err, test.want)
		}
	}
}
