package minica_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

func TestHandshakeWithAChainOfThree(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			root := newRoot(t)
			issuing := newCA(t, newCA(t, root, minica.Options{Subject: "CN=Policy CA"}), minica.Options{Subject: "CN=Issuing CA"})
			server := issue(t, issuing, minica.Options{Subject: "CN=server", DNS: []string{"localhost"}})
			client := issue(t, issuing, minica.Options{Subject: "CN=client"})

			seen := handshake(t,
				&tls.Config{
					MaxVersion:   version,
					Certificates: []tls.Certificate{server.TLS()},
					ClientAuth:   tls.RequireAndVerifyClientCert,
					ClientCAs:    pool(root),
				},
				&tls.Config{
					MaxVersion:   version,
					Certificates: []tls.Certificate{client.TLS()},
					RootCAs:      pool(root),
					ServerName:   "localhost",
				})

			if got := len(seen.PeerCertificates); got != 3 {
				t.Errorf("the client sent %d certificates, want its own and two intermediates", got)
			}
			if !seen.PeerCertificates[0].Equal(client.Leaf) {
				t.Errorf("the server saw %q, want the client", seen.PeerCertificates[0].Subject)
			}
		})
	}
}

func TestLeafVerifiesAgainstTheRootAlone(t *testing.T) {
	root := newRoot(t)
	issuing := newCA(t, root, minica.Options{Subject: "CN=Issuing CA"})

	verify(t, issue(t, root, minica.Options{}), root)
	verify(t, issue(t, issuing, minica.Options{}), root)
	verify(t, &issuing.Cert, root)
}

func TestStrangerIsNotTrusted(t *testing.T) {
	root, stranger := newRoot(t), newRoot(t) // two CAs of one name
	leaf := issue(t, stranger, minica.Options{})
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool(root)})
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("verification says %v, want an unknown authority", err)
	}
}

func TestChainLeavesOutTheRoot(t *testing.T) {
	root := newRoot(t)
	issuing := newCA(t, root, minica.Options{Subject: "CN=Issuing CA"})
	renewed := newCA(t, root, minica.Options{}) // same name as the root, another key
	tests := []struct {
		name string
		cert *minica.Cert
		want int
	}{
		{"root", &root.Cert, 0},
		{"leaf of the root", issue(t, root, minica.Options{}), 0},
		{"intermediate", &issuing.Cert, 0},
		{"leaf of an intermediate", issue(t, issuing, minica.Options{}), 1},
		{"leaf of the root's namesake", issue(t, renewed, minica.Options{}), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := len(tt.cert.Chain); got != tt.want {
				t.Errorf("chain has %d certificates, want %d", got, tt.want)
			}
			verify(t, tt.cert, root)
		})
	}
}

func TestPEMIsWhatATLSSecretHolds(t *testing.T) {
	root := newRoot(t)
	issuing := newCA(t, root, minica.Options{Subject: "CN=Issuing CA"})
	leaf := issue(t, issuing, minica.Options{Subject: "CN=server"})

	pair, err := tls.X509KeyPair(leaf.ChainPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatalf("tls.crt and tls.key do not make a pair: %v", err)
	}
	if len(pair.Certificate) != 2 {
		t.Errorf("tls.crt holds %d certificates, want 2", len(pair.Certificate))
	}
	if block, _ := pem.Decode(leaf.KeyPEM()); block.Type != "PRIVATE KEY" {
		t.Errorf("tls.key is a %q, want PKCS #8", block.Type)
	}
	block, rest := pem.Decode(root.PEM())
	if block == nil || len(rest) > 0 || string(block.Bytes) != string(root.Leaf.Raw) {
		t.Error("PEM of the root is not the one certificate of the root")
	}
}

func TestKeyThatCannotBeExported(t *testing.T) {
	held := struct{ crypto.Signer }{newRoot(t).Key} // as a hardware key: it signs, and that is all
	leaf := issue(t, newRoot(t), minica.Options{Key: held})
	if text := leaf.KeyPEM(); text != nil {
		t.Errorf("KeyPEM is %d bytes, want nil", len(text))
	}
}

// handshake connects a client to a server over TCP, lets one byte pass each
// way, and returns what the server saw.
func handshake(t *testing.T, server, client *tls.Config) tls.ConnectionState {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	served := make(chan error, 1)
	var seen tls.ConnectionState
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			defer conn.Close()
			_, err = io.CopyN(conn, conn, 1)
			seen = conn.(*tls.Conn).ConnectionState()
		}
		served <- err
	}()

	if err := echo(t, listener.Addr(), client); err != nil {
		t.Fatalf("client: %v", err)
	}
	if err := <-served; err != nil {
		t.Fatalf("server: %v", err)
	}
	return seen
}

// echo sends one byte and waits for it to come back.
func echo(t *testing.T, to net.Addr, config *tls.Config) error {
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(t.Context(), to.Network(), to.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{'x'}); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// verify checks cert for every usage a peer may ask for, as a peer does that
// trusts root and was sent the chain.
func verify(t *testing.T, cert *minica.Cert, root *minica.CA) {
	t.Helper()
	intermediates := x509.NewCertPool()
	for _, c := range cert.Chain {
		intermediates.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{
			Roots:         pool(root),
			Intermediates: intermediates,
			KeyUsages:     []x509.ExtKeyUsage{usage},
		})
		if err != nil {
			t.Errorf("verify %q for usage %v: %v", cert.Leaf.Subject, usage, err)
		}
	}
}

func newRoot(t *testing.T) *minica.CA {
	t.Helper()
	root, err := minica.New(minica.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func newCA(t *testing.T, parent *minica.CA, o minica.Options) *minica.CA {
	t.Helper()
	ca, err := parent.NewCA(o)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *minica.CA, o minica.Options) *minica.Cert {
	t.Helper()
	cert, err := ca.Issue(o)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pool(root *minica.CA) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(root.Leaf)
	return p
}
