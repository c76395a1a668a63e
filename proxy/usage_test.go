package proxy_test

import (
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// Public CAs issue below intermediates that are for servers only.
func TestPartnerUnderAServerAuthOnlyCA(t *testing.T) {
	serverOnly := func(g *gate) {
		ca, err := minica.New(minica.Options{Subject: "CN=OV TLS CA 2025", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if err != nil {
			t.Fatal(err)
		}
		g.clientCA = ca
		g.partner = issue(t, ca, minica.Options{Subject: partnerDN})
	}
	t.Run("is refused by default, in words that name the setting", func(t *testing.T) {
		g := openGate(t, func(g *gate) { g.usage = certs.ClientOrServer }, serverOnly)
		dir := t.TempDir()
		ca := filepath.Join(dir, "ca.crt")
		if err := os.WriteFile(ca, g.clientCA.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := certs.Open(certs.Files{Certificate: g.mount.Dir, CA: []string{ca}}, certs.Options{})
		if faults := certs.Faults(err); len(faults) != 1 || !strings.Contains(faults[0].Fix, "clientCertificateUsage: clientOrServer") {
			t.Errorf("opening such anchors alone says %v, want a fix that names the setting", err)
		}
	})
	t.Run("is refused at the handshake when another anchor would do", func(t *testing.T) {
		g := openGate(t, func(g *gate) { g.usage = certs.ClientOrServer }, serverOnly)
		strict := openGate(t)
		strict.mountFiles(map[string][]byte{"tls.crt": strict.server.ChainPEM(), "tls.key": strict.server.KeyPEM(),
			"ca.crt": append(strict.clientCA.PEM(), g.clientCA.PEM()...)})
		strict.waitGeneration(2)
		if _, err := strict.client(g.partner, false).Get(strict.url("/")); err == nil {
			t.Fatal("the partner was let in")
		}
		line := strict.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": "wrong-usage"})
		if !strings.Contains(line["detail"].(string), "clientCertificateUsage") {
			t.Errorf("detail %v does not name the setting", line["detail"])
		}
	})
	t.Run("is accepted with clientOrServer and a subject rule", func(t *testing.T) {
		g := openGate(t, func(g *gate) { g.usage = certs.ClientOrServer }, serverOnly)
		if status, body := g.get(g.client(g.partner, false), "/"); status != 200 {
			t.Errorf("answer %d %s", status, body)
		}
	})
}

func TestPROXYProtocol(t *testing.T) {
	call := func(t *testing.T, g *gate, header bool) (string, error) {
		tr := g.client(g.partner, false)
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if header {
			h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8443})
			if _, err := h.WriteTo(c); err != nil {
				t.Fatal(err)
			}
		}
		return g.overConn(tr, c)
	}
	t.Run("gives the address of the client where it is trusted", func(t *testing.T) {
		g := openGate(t, func(g *gate) { g.set.ProxyProtocol = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		body, err := call(t, g, true)
		if err != nil || !strings.Contains(body, `"X-Forwarded-For":["203.0.113.7"]`) {
			t.Errorf("%v %s", err, body)
		}
		if _, err := call(t, g, false); err == nil {
			t.Error("a connection without the header was served")
		}
	})
	t.Run("is not believed from elsewhere", func(t *testing.T) {
		g := openGate(t, func(g *gate) { g.set.ProxyProtocol = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
		if _, err := call(t, g, true); err == nil {
			t.Error("a header from an untrusted address was accepted")
		}
		if body, err := call(t, g, false); err != nil || !strings.Contains(body, `"X-Forwarded-For":["127.0.0.1"]`) {
			t.Errorf("%v %s", err, body)
		}
	})
}
