package proxy_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

// eachVersion runs the test over TLS 1.2 and 1.3.
func eachVersion(t *testing.T, run func(t *testing.T, version uint16)) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) { run(t, v) })
	}
}

func TestAServerThatIsNotThePartnersHasAWordForIt(t *testing.T) {
	hour := time.Hour
	for _, tt := range []struct {
		name     string
		change   func(o *outlet)
		word     string
		sentence string
	}{
		{"its CA is not trusted", func(o *outlet) {
			o.serving(issue(o.t, newCA(o.t, "CN=Some other CA"), minica.Options{Subject: "CN=api.partner.example", DNS: []string{"api.partner.example"}}))
		}, "server-unknown-ca", "CN=Some other CA"},
		{"it has expired", func(o *outlet) {
			o.serving(o.serverCert(minica.Options{NotAfter: time.Now().Add(-hour)}))
		}, "server-expired", "expired on "},
		{"it is not valid yet", func(o *outlet) {
			o.serving(o.serverCert(minica.Options{NotBefore: time.Now().Add(hour)}))
		}, "server-not-yet-valid", "is not valid before "},
		{"it is for clients only", func(o *outlet) {
			o.serving(o.serverCert(minica.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))
		}, "server-wrong-usage", "serverAuth"},
		{"it is for another name", func(o *outlet) {
			o.serving(o.serverCert(minica.Options{DNS: []string{"www.partner.example"}}))
		}, "server-name", `is not for the name api.partner.example: it is for "www.partner.example"`},
		{"its name is only in the CN", func(o *outlet) {
			o.serving(issue(o.t, o.serverCA, minica.Options{Subject: "CN=api.partner.example"}))
		}, "server-name", "the CN is not looked at"},
		{"its Subject is another", func(o *outlet) {
			o.set.ServerSubject = []subject.Name{name(o.t, "CN=api.partner.example,O=Partner NV,C=BE")}
		}, "server-subject", `(CN=api.partner.example,O=Partner SA,C=BE) has a Subject that is not in serverSubject: O is "Partner SA" here and "Partner NV" in serverSubject`},
		{"its Subject is ambiguous", func(o *outlet) {
			o.set.ServerSubject = []subject.Name{name(o.t, "CN=api.partner.example,O=Partner SA,C=BE")}
			o.serving(o.serverCert(minica.Options{RawSubject: []byte("\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04a\x1b[m")}))
		}, "server-subject", "can be read in more than one way"},
		{"its key is another", func(o *outlet) {
			o.set.ServerSPKISHA256 = [][32]byte{{1}}
		}, "server-spki", "has another key than those of serverSPKISHA256"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				o := openOutlet(t, func(o *outlet) { o.partner.tls.MaxVersion = version }, tt.change)
				o.fails(502, tt.word, tt.sentence)
				if n := len(o.partner.requests()); n != 0 {
					t.Errorf("the server got %d requests", n)
				}
				issuer := o.partner.tls.Certificates[0].Leaf.Issuer.CommonName
				if line := o.logs.wait(t, map[string]any{"reason": tt.word}); !strings.HasPrefix(line["serverIssuer"].(string), "CN="+issuer) {
					t.Errorf("the log line %v does not name the server's issuer", line)
				}
			})
		})
	}
}

func TestAServerThatMeetsEveryConditionGetsTheRequest(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		o := openOutlet(t, func(o *outlet) {
			o.partner.tls.MaxVersion = version
			server := o.serverCert(minica.Options{})
			o.serving(server)
			o.set.ServerSubject = []subject.Name{name(t, "CN=other"), name(t, "CN=api.partner.example,O=Partner SA,C=BE")}
			o.set.ServerSPKISHA256 = [][32]byte{{1}, sha256.Sum256(server.Leaf.RawSubjectPublicKeyInfo)}
		})
		if status, body := o.get("/"); status != 200 {
			t.Fatalf("GET = %d %q, want 200", status, body)
		}
		if got := o.partner.last(t).TLS; got.ServerName != "api.partner.example" || got.Version != version || got.DidResume {
			t.Errorf("SNI %q, version %x, resumed %v", got.ServerName, got.Version, got.DidResume)
		}
	})
}

func TestAPartnerThatRefusesOurCertificateIsSaidToDoSo(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		for _, post := range []string{"", strings.Repeat("x", 1<<20)} {
			eachVersion(t, func(t *testing.T, version uint16) {
				o := openOutlet(t, func(o *outlet) {
					o.set.HTTP2 = h2
					o.partner.tls.NextProtos = []string{"h2", "http/1.1"}
					o.partner.tls.MaxVersion = version
					o.partner.tls.ClientAuth = tls.RequireAndVerifyClientCert
					o.partner.tls.ClientCAs = poolWith(o.serverCA)
				})
				for range 20 {
					res, err := o.app.Post(o.url("/"), "text/plain", strings.NewReader(post))
					if err != nil {
						t.Fatal(err)
					}
					status, body := readAll(t, res)
					for _, want := range []string{"502 Bad Gateway: certificate-refused: ", ourDN, "issued by CN=Our CA", "send it and its issuing CA to the partner", "alert \"unknown certificate authority\""} {
						if status != 502 || !strings.Contains(body, want) {
							t.Fatalf("POST = %d %q, want 502 with %q", status, body, want)
						}
					}
				}
			})
		}
	}
}

func TestOurCertificateIsPresentedThoughTheHintsDoNotNameItsCA(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		o := openOutlet(t, func(o *outlet) {
			o.partner.tls.MaxVersion = version
			o.partner.tls.ClientCAs = poolWith(newCA(t, "CN=Only these"))
		})
		o.get("/")
		if got := o.partner.last(t).TLS.PeerCertificates[0]; !got.Equal(o.own.Leaf) {
			t.Errorf("the partner saw the certificate %v, want ours", got.Subject)
		}
	})
}

func TestAPartnerThatAsksForNoCertificateIsServedAndToldOfOnce(t *testing.T) {
	o := openOutlet(t, func(o *outlet) { o.partner.tls.ClientAuth = tls.NoClientCert })
	for range 3 {
		if status, _ := o.get("/"); status != 200 {
			t.Fatalf("GET = %d, want 200", status)
		}
		o.partner.http.SetKeepAlivesEnabled(false) // each over a connection of its own
	}
	const said = "the partner does not ask for a client certificate: it does not know who calls"
	if n := o.logs.count("msg", said); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}

func TestAnAddressIsVerifiedAsAnAddressAndNotSentInSNI(t *testing.T) {
	o := openOutlet(t, func(o *outlet) {
		o.set.ServerName = ""
		o.serving(o.serverCert(minica.Options{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	})
	if status, body := o.get("/"); status != 200 || o.partner.last(t).TLS.ServerName != "" {
		t.Errorf("GET = %d %q, SNI %q", status, body, o.partner.last(t).TLS.ServerName)
	}
	o = openOutlet(t, func(o *outlet) { o.set.ServerName = "" })
	o.fails(502, "server-name", "127.0.0.1")
}

func TestAPartnerThatCannotBeTalkedToHasAWordForIt(t *testing.T) {
	upstream := func(addr string) func(o *outlet) {
		return func(o *outlet) { o.set.Upstream = &url.URL{Scheme: "https", Host: addr} }
	}
	t.Run("nobody listens", func(t *testing.T) {
		ln, _ := net.Listen("tcp", "127.0.0.1:0")
		_ = ln.Close()
		openOutlet(t, upstream(ln.Addr().String())).fails(503, "server-down", "connection refused")
	})
	t.Run("there is no such name", func(t *testing.T) {
		openOutlet(t, upstream("no-such-host.invalid")).fails(503, "server-down", "no-such-host.invalid:443")
	})
	t.Run("it is silent", func(t *testing.T) {
		ln, _ := net.Listen("tcp", "127.0.0.1:0")
		defer ln.Close()
		openOutlet(t, upstream(ln.Addr().String()), func(o *outlet) { o.set.ConnectTimeout = 100 * time.Millisecond }).
			fails(504, "server-timeout", "no TLS handshake")
	})
	t.Run("it speaks plain HTTP", func(t *testing.T) {
		openOutlet(t, upstream(newApp(t).url.Host)).fails(502, "tls-failed", "does not speak TLS")
	})
	t.Run("it has no version in common", func(t *testing.T) {
		openOutlet(t, func(o *outlet) { o.partner.tls.MaxVersion = tls.VersionTLS12; o.set.MinTLSVersion = tls.VersionTLS13 }).
			fails(502, "tls-failed", `alert "protocol version not supported"`)
	})
	t.Run("it does not answer", func(t *testing.T) {
		o := openOutlet(t, func(o *outlet) { o.set.UpstreamTimeout = 100 * time.Millisecond })
		addr := wire(t, o.partner.tls, func(_ *tls.Conn, r *bufio.Reader) { _, _ = r.ReadString(0) })
		o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
		o.fails(504, "server-timeout", "did not answer in time")
	})
	t.Run("its answer is no HTTP", func(t *testing.T) {
		o := openOutlet(t)
		addr := wire(t, o.partner.tls, func(c *tls.Conn, r *bufio.Reader) {
			_, _ = r.ReadString('\n')
			_, _ = c.Write([]byte("SSH-2.0-\x1b[31mred\u202e\r\n\r\n"))
		})
		o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
		o.fails(502, "server-failed", addr)
		if _, body := o.get("/"); strings.ContainsAny(body, "\x1b\u202e") {
			t.Errorf("what the partner sent went out unescaped: %q", body)
		}
	})
	t.Run("it hangs up on our certificate", func(t *testing.T) {
		o := openOutlet(t)
		addr := wire(t, o.partner.tls, func(c *tls.Conn, _ *bufio.Reader) {
			_ = c.NetConn().(*net.TCPConn).SetLinger(0)
			_ = c.NetConn().Close()
		})
		o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
		o.fails(502, "certificate-refused", "perhaps", ourDN)
	})
}
