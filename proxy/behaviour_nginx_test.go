package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startNginx starts an nginx that serves content(1<<20) as /big.bin and
// /small.txt, and listens on a unix socket.
func startNginx(t *testing.T) option {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Skip("nginx is not installed: apt-get install nginx-light")
	}
	dir := t.TempDir()
	conf, err := os.ReadFile("testdata/nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string][]byte{
		"nginx.conf": bytes.ReplaceAll(conf, []byte("DIR"), []byte(dir)), "files/small.txt": []byte("small\n"), "files/big.bin": content(1 << 20),
	})
	cmd := exec.CommandContext(t.Context(), binary, "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() { <-ended })
	socket := filepath.Join(dir, "app.sock")
	eventually(t, "nginx listening", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, func() string { return "no socket" })
	return func(g *gate) { g.set.HTTP2, g.set.Upstream = true, &url.URL{Scheme: "unix", Path: socket} }
}

func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // its worker may be another user
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestNginx(t *testing.T) {
	t.Parallel()
	g := openGate(t, startNginx(t))
	for _, h2 := range []bool{false, true} {
		w := way{h2: h2, app: "unix"}
		t.Run(fmt.Sprintf("HTTP2 %v", h2), func(t *testing.T) {
			for _, b := range []behaviour{
				{does: "files arrive whole, time after time", check: nginxFiles},
				{does: "a range and a condition are answered", check: nginxRanges},
				{does: "what nginx says of itself arrives", check: nginxReturns},
				{does: "bodies arrive whole, however they are sent", check: nginxBodies},
				{does: "an answer that does not wait for the body arrives", check: nginxEarly},
			} {
				t.Run(b.does, func(t *testing.T) { b.check(g.within(t), w) })
			}
		})
	}
}

func nginxFiles(g *gate, w way) {
	c := g.client(g.partner, w.h2)
	for range 6 {
		for path, want := range map[string]string{"/small.txt": "small\n", "/big.bin": string(content(1 << 20))} {
			if status, body := g.get(c, path); status != 200 || body != want {
				g.t.Errorf("%s: status %d, %d bytes of %d", path, status, len(body), len(want))
			}
		}
		res, err := c.Head(g.url("/big.bin"))
		if err != nil {
			g.t.Fatal(err)
		}
		if _, body := readAll(g.t, res); res.ContentLength != 1<<20 || body != "" || res.Header.Get("Accept-Ranges") != "bytes" {
			g.t.Errorf("HEAD: length %d, body %q, %v", res.ContentLength, body, res.Header)
		}
	}
}

func nginxRanges(g *gate, w way) {
	r := g.request("GET", "/small.txt")
	r.Header.Set("Range", "bytes=1-3")
	res := w.roundTrip(g, r)
	if status, body := readAll(g.t, res); status != 206 || body != "mal" || res.Header.Get("Content-Range") != "bytes 1-3/6" {
		g.t.Errorf("a range: %d %q %v", status, body, res.Header)
	}
	r = g.request("GET", "/small.txt")
	r.Header.Set("If-None-Match", res.Header.Get("Etag"))
	res = w.roundTrip(g, r)
	if status, body := readAll(g.t, res); status != 304 || body != "" {
		g.t.Errorf("a condition: %d %q", status, body)
	}
}

func nginxReturns(g *gate, w way) {
	for _, test := range []struct {
		path   string
		status int
		body   string
	}{
		{"/hello", 200, "hello " + partnerDN}, {"/nothing", 204, ""}, {"/moved", 301, "<html>"}, {"/absent", 404, "<html>"},
		{"/behind/a%2Fb/../c?x=%zz;y", 200, "GET /behind/a%2Fb/../c?x=%zz;y "}, {"/cut", 502, "502 Bad Gateway: app-failed"},
	} {
		res := w.roundTrip(g, g.request("GET", test.path))
		if status, body := readAll(g.t, res); status != test.status || !strings.HasPrefix(body, test.body) {
			g.t.Errorf("%s: %d %q, want %d %q", test.path, status, body, test.status, test.body)
		} else if status < 500 && !strings.HasPrefix(res.Header.Get("Server"), "nginx") {
			g.t.Errorf("%s: Server %q", test.path, res.Header.Get("Server"))
		}
	}
}

func nginxBodies(g *gate, w way) {
	for _, size := range sizes {
		for _, known := range []bool{true, false} {
			r := g.request("POST", "/behind/x")
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content(size))), int64(size)
			if !known {
				r.ContentLength = -1
			} else if size == 0 {
				r.Body = http.NoBody
			}
			want := fmt.Sprint("POST /behind/x ", size)
			if status, body := readAll(g.t, w.roundTrip(g, r)); status != 200 || body != want && body+"0" != want {
				g.t.Errorf("%d bytes, known %v: %d %q, want %q", size, known, status, body, want)
			}
		}
	}
}

func nginxEarly(g *gate, w way) {
	for _, size := range sizes {
		for path, want := range map[string]int{"/hello": 200, "/small": 413} {
			if path == "/small" && size < 16<<10 {
				continue
			}
			r := g.request("POST", path)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content(size))), int64(size)
			if status, body := readAll(g.t, w.roundTrip(g, r)); status != want {
				g.t.Errorf("%s with %d bytes: %d %q, want %d", path, size, status, body, want)
			}
		}
	}
}
