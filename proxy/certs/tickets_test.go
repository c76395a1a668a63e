package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

var noon = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

func TestTicketKeysTurnEachDay(t *testing.T) {
	var keys certs.TicketKeys
	scope := [32]byte{1}
	at := func(d time.Duration) [][32]byte {
		got, next := keys.Keys(scope, noon.Add(d))
		if in := next.Sub(noon.Add(max(d, 0))); in <= 0 || in > 24*time.Hour {
			t.Errorf("after %v: next is in %v", d, in)
		}
		return got
	}
	first := at(0)
	if len(first) != 1 {
		t.Fatalf("%d keys at first", len(first))
	}
	if !slices.Equal(at(24*time.Hour-time.Second), first) || !slices.Equal(at(-time.Hour), first) {
		t.Error("another key on the same day, or when the clock goes back")
	}
	second := at(24 * time.Hour)
	if len(second) != 2 || second[0] == first[0] || second[1] != first[0] {
		t.Error("on the second day the first key must be there for reading only")
	}
	third := at(48 * time.Hour)
	if len(third) != 2 || third[0] == second[0] || third[1] != second[0] {
		t.Error("on the third day the first key must be gone")
	}
	if idle := at(10 * 24 * time.Hour); len(idle) != 1 || slices.Contains(third, idle[0]) {
		t.Error("after a week without a call every old key must be gone")
	}
}

func TestTicketKeysDifferByScopeAndProcess(t *testing.T) {
	var one, other certs.TicketKeys
	a, _ := one.Keys([32]byte{1}, noon)
	b, _ := one.Keys([32]byte{2}, noon)
	c, _ := other.Keys([32]byte{1}, noon)
	if a[0] == b[0] || a[0] == c[0] || a[0] == ([32]byte{}) {
		t.Errorf("keys %x, %x, %x", a, b, c)
	}
}

func TestTicketKeysForManyAtOnce(t *testing.T) {
	var keys certs.TicketKeys
	want, _ := keys.Keys([32]byte{1}, noon)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if got, _ := keys.Keys([32]byte{1}, noon); !slices.Equal(got, want) {
					t.Error("another key")
				}
			}
		})
	}
	all.Wait()
}

// A gate is a server that takes its ticket keys from scope, as they are then.
type gate struct {
	keys   certs.TicketKeys
	scope  [32]byte
	now    time.Time
	served *minica.Cert
	max    uint16
}

// resumed makes one connection, with an exchange of data so that the client
// reads its ticket, and tells whether it resumed.
func (g *gate) resumed(t *testing.T, client *tls.Config) bool {
	t.Helper()
	server := &tls.Config{Certificates: []tls.Certificate{g.served.TLS()}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: g.max}
	keys, _ := g.keys.Keys(g.scope, g.now)
	server.SetSessionTicketKeys(keys)
	listener := must[net.Listener](t)(tls.Listen("tcp", "127.0.0.1:0", server))
	defer listener.Close()
	answered := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = conn.Write([]byte("x"))
			conn.Close()
		}
		answered <- err
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

func TestTicketOfOneScopeIsNotReadUnderAnother(t *testing.T) {
	ca := root(t, "Root")
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			g := &gate{scope: [32]byte{1}, now: noon, served: issue(t, ca, "gate"), max: version}
			client := &tls.Config{RootCAs: pool, ServerName: "gate.test", ClientSessionCache: tls.NewLRUClientSessionCache(4),
				Certificates: []tls.Certificate{issue(t, ca, "client").TLS()}}
			for _, step := range []struct {
				name   string
				change func()
				want   bool
			}{
				{"the first connection", func() {}, false},
				{"the same scope", func() {}, true},
				{"another server certificate", func() { g.served = issue(t, ca, "gate") }, true},
				{"another scope", func() { g.scope = [32]byte{2} }, false},
				{"that scope again", func() {}, true},
				{"a day later", func() { g.now = g.now.Add(24 * time.Hour) }, true},
				{"three days later", func() { g.now = g.now.Add(72 * time.Hour) }, false},
			} {
				step.change()
				if got := g.resumed(t, client); got != step.want {
					t.Errorf("%s: resumed is %v", step.name, got)
				}
			}
		})
	}
}
