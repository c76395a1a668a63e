package proxy_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatHappensIsLoggedAndCounted(t *testing.T) {
	o := openOutlet(t)
	res, err := o.app.Post(o.url("/orders?secret=1"), "text/plain", strings.NewReader("four"))
	if err != nil {
		t.Fatal(err)
	}
	_, body := readAll(t, res)
	o.logs.wait(t, map[string]any{"msg": "request", "listener": "partner", "method": "POST", "path": "/orders", "status": 200,
		"reason": "ok", "rule": "egress", "bytesIn": 4, "bytesOut": len(body)})
	line := o.logs.wait(t, map[string]any{"msg": "handshake with the partner"})
	if line["serverSubject"] != "CN=api.partner.example,O=Partner SA,C=BE" || line["certificateRequested"] != true {
		t.Errorf("the line about the handshake is %v", line)
	}
	o.configure(func(o *outlet) { o.set.ServerName = "other.example" })
	o.fails(502, "server-name")
	if f := o.out.Failures(); len(f) != 1 || f[0].Server != "CN=api.partner.example,O=Partner SA,C=BE" {
		t.Errorf("the status page has the failures %+v", f)
	}
	o.raw("nonsense\r\n\r\n")
	o.logs.wait(t, map[string]any{"msg": "request refused", "reason": "framing"})
	g := &gate{t: t, reg: o.reg}
	for metric, want := range map[string]map[string]float64{
		"sidegate_requests_total": {
			`{listener="partner",result="ok",rule="egress"}`: 1, `{listener="partner",result="server-name",rule="egress"}`: 1,
			`{listener="partner",result="framing",rule=""}`: 1},
		"sidegate_handshake_failures_total":       {`{listener="partner",reason="server-name"}`: 1},
		"sidegate_request_duration_seconds_count": {`{listener="partner"}`: 2},
	} {
		if diff := cmp.Diff(want, g.series(metric)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", metric, diff)
		}
	}
}

func TestAnApplicationThatGoesAwayIsNotThePartnersFault(t *testing.T) {
	o := openOutlet(t)
	arrived, gone := make(chan struct{}), make(chan struct{})
	o.partner.respond(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	_ = c.Close()
	<-gone // the partner is told
	o.logs.wait(t, map[string]any{"reason": "client-closed", "status": 499})
	if f := o.out.Failures(); len(f) != 0 {
		t.Errorf("the status page has the failures %+v", f)
	}
}

func TestMoreConnectionsThanThereArePlacesAreClosed(t *testing.T) {
	o := openOutlet(t)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range 1024 {
		c, err := net.Dial("tcp", o.addr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	eventually(t, "1,024 connections", func() bool { return o.out.Connections() == 1024 }, func() string { return "fewer" })
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection beyond the limit: %v, want its end", err)
	}
	_ = open[0].Close()
	eventually(t, "a free place", func() bool { return o.out.Connections() < 1024 }, func() string { return "none" })
	if status, _ := o.get("/"); status != 200 {
		t.Errorf("GET in the free place = %d", status)
	}
}
