package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

func TestARotationUnderLoadLosesNothing(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("partner HTTP/2 %v", h2), func(t *testing.T) {
			o := openOutlet(t, func(o *outlet) {
				o.set.LogRequests = false
				if h2 {
					withHTTP2(o)
				}
			})
			o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].SerialNumber.String())
			})
			var bundles []*certs.Bundle
			for range 8 {
				bundles = append(bundles, o.bundle(issue(t, o.clientCA, minica.Options{Subject: ourDN})))
			}
			calls, stop := callers(t, o, 12)
			for i := range 60 {
				before := calls.Load()
				b := bundles[i%len(bundles)]
				if err := o.out.SetBundle(b); err != nil {
					t.Fatal(err)
				}
				if _, serial := o.get("/"); serial != b.Certificate.Leaf.SerialNumber.String() {
					t.Fatalf("after rotation %d the partner saw the certificate %s", i, serial)
				}
				eventually(t, "calls after a rotation", func() bool { return calls.Load() > before+12 }, func() string { return fmt.Sprint(calls.Load()) })
			}
			stop()
			last := bundles[59%len(bundles)].Certificate.Leaf.SerialNumber.String()
			old := func(serial string) bool { return serial != last }
			eventually(t, "only connections of the last certificate", func() bool { return !slices.ContainsFunc(o.partner.serials(), old) },
				func() string { return fmt.Sprint(o.partner.serials(), " want ", last) })
			t.Logf("%d calls in 60 rotations", calls.Load())
		})
	}
}

// callers makes n callers go on calling with GET and POST until stop.
func callers(t *testing.T, o *outlet, n int) (calls *atomic.Int64, stop func()) {
	calls = new(atomic.Int64)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			for ctx.Err() == nil {
				method, body := "GET", io.Reader(nil)
				if i%2 == 0 {
					method, body = "POST", strings.NewReader(strings.Repeat("x", 10_000))
				}
				r, _ := http.NewRequest(method, o.url("/"), body)
				res, err := o.app.Do(r)
				if err != nil {
					t.Errorf("%s: %v", method, err)
					return
				}
				text, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != 200 {
					t.Errorf("%s = %d %q, %v", method, res.StatusCode, text, err)
				}
				calls.Add(1)
			}
		})
	}
	return calls, func() { cancel(); running.Wait() }
}

func TestAStreamOfTheOldCertificateGoesOnAndItsConnectionEndsWithIt(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		o := openOutlet(t, func(o *outlet) {
			if h2 {
				withHTTP2(o)
			}
		})
		o.partner.respond(echoLines)
		in, out := io.Pipe()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", o.url("/"), in)
		res, err := o.app.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		renewed := issue(t, o.clientCA, minica.Options{Subject: ourDN})
		if err := o.out.SetBundle(o.bundle(renewed)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(out, "still there\n")
		_ = out.Close()
		if _, got := readAll(t, res); got != "echo still there\n" {
			t.Errorf("h2 %v: the stream brought %q", h2, got)
		}
		eventually(t, "no connection of the old certificate", func() bool { return len(o.partner.serials()) == 0 },
			func() string { return fmt.Sprint(o.partner.serials()) })
	}
}

func TestAChangeOfTrustOrSettingsIsForTheNextRequest(t *testing.T) {
	o := openOutlet(t)
	if status, _ := o.get("/"); status != 200 {
		t.Fatalf("GET = %d", status)
	}
	o.configure(func(o *outlet) { o.set.ServerName = "other.example" })
	o.fails(502, "server-name")
	o.configure(func(o *outlet) { o.set.ServerName = "api.partner.example" })
	if status, _ := o.get("/"); status != 200 {
		t.Fatalf("GET = %d", status)
	}
	o.serverCA = newCA(t, "CN=Another CA")
	if err := o.out.SetBundle(o.bundle(o.own)); err != nil {
		t.Fatal(err)
	}
	o.fails(502, "server-unknown-ca")
	for _, change := range []func(s *proxy.EgressSettings){
		func(s *proxy.EgressSettings) { s.Upstream = nil },
		func(s *proxy.EgressSettings) { s.Upstream = &url.URL{Scheme: "http", Host: "a"} },
		func(s *proxy.EgressSettings) { s.Upstream = &url.URL{Scheme: "https", Host: "a", Path: "/v1"} },
		func(s *proxy.EgressSettings) { s.Upstream = &url.URL{Scheme: "https", Host: "a", User: url.User("u")} },
		func(s *proxy.EgressSettings) { s.Upstream = &url.URL{Scheme: "https"} },
		func(s *proxy.EgressSettings) { s.ServerName = "*.example" },
		func(s *proxy.EgressSettings) { s.ServerSubject = []subject.Name{{}} },
		func(s *proxy.EgressSettings) { s.AllowPaths = []string{"v1"} },
		func(s *proxy.EgressSettings) { s.MinTLSVersion = 0x0302 },
		func(s *proxy.EgressSettings) { s.ConnectTimeout = -1 },
	} {
		s := o.set
		change(&s)
		if err := o.out.SetSettings(&s); err == nil {
			t.Errorf("the settings %+v were taken", s)
		}
	}
	if err := o.out.SetBundle(nil); err == nil {
		t.Error("no Bundle was taken for one")
	}
	o.fails(502, "server-unknown-ca") // what was refused has changed nothing
}

func TestAConnectionIsNotUsedWhenTheChainThatProvedItHasEnded(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		var ahead atomic.Int64
		o := openOutlet(t, func(o *outlet) {
			if h2 {
				withHTTP2(o)
			}
			o.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			o.serving(o.serverCert(minica.Options{NotAfter: time.Now().Add(time.Hour)}))
		})
		for range 2 {
			if status, body := o.get("/"); status != 200 {
				t.Fatalf("GET = %d %q", status, body)
			}
		}
		if n := len(o.partner.serials()); n != 1 {
			t.Fatalf("%d connections are open, want one in the pool", n)
		}
		ahead.Store(int64(61 * time.Minute))
		o.fails(502, "server-expired", "expired on ")
		eventually(t, "the end of the connection", func() bool { return len(o.partner.serials()) == 0 }, func() string { return "it is open" })
	}
}

func TestAConnectionIsNotUsedWhenOurOwnCertificateHasEnded(t *testing.T) {
	var ahead atomic.Int64
	o := openOutlet(t, func(o *outlet) {
		o.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		o.partner.tls.Time = o.clock
		o.partner.tls.ClientAuth = tls.RequireAndVerifyClientCert
		o.partner.tls.ClientCAs = poolWith(o.clientCA)
		o.own = issue(t, o.clientCA, minica.Options{Subject: ourDN, NotAfter: time.Now().Add(time.Hour)})
	})
	if status, body := o.get("/"); status != 200 {
		t.Fatalf("GET = %d %q", status, body)
	}
	ahead.Store(int64(61 * time.Minute))
	o.fails(502, "certificate-refused", "expired certificate", "which expired on ")
}
