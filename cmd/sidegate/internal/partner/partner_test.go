package partner

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

func TestRehearsal(t *testing.T) {
	world := begin(t)
	mine := world.certified(t, "CN=localhost,O=Shop,C=BE", "localhost")

	t.Run("a call shows who called", func(t *testing.T) {
		status, body := world.call(t, mine, http.MethodGet, "/orders", "")
		if status != http.StatusOK || body["caller"] != "CN=localhost,O=Shop,C=BE" || body["path"] != "/orders" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("a webhook is sent at once, with the partner's certificate", func(t *testing.T) {
		hook := receiver(t, mine, world.anchors(t))
		status, body := world.call(t, mine, http.MethodPost, "/api/v1/webhook", `{"type":"PEPPOL_INVOICE_RECEIVED","url":"`+hook.url+`/hook?id=1"}`)
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, body)
		}
		got := <-hook.requests
		if got.subject != WebhookDN || got.path != "/hook?id=1" || !strings.Contains(got.body, "PEPPOL_INVOICE_RECEIVED") {
			t.Errorf("the receiver got %+v", got)
		}
	})
	for name, test := range map[string]struct{ body, want string }{
		"a URL that is not https": {`{"url":"http://localhost:1"}`, "is not one such as https"},
		"nobody listens":          {`{"url":"https://127.0.0.1:1"}`, "connection refused"},
		"another machine":         {`{"url":"https://192.0.2.1"}`, "loopback only"},
	} {
		t.Run("a webhook that cannot be sent: "+name, func(t *testing.T) {
			status, body := world.call(t, mine, http.MethodPost, "/api/v1/webhook", test.body)
			if text, _ := body["error"].(string); status != http.StatusUnprocessableEntity || !strings.Contains(text, test.want) {
				t.Errorf("%d %v, want %q", status, body, test.want)
			}
		})
	}
	t.Run("without a certificate there is no service", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: world.anchors(t)}}}
		if response, err := client.Get(world.url); err == nil {
			response.Body.Close()
			t.Errorf("the answer was %s", response.Status)
		}
	})
}

func TestAuthoritySignsOnlyRequestsAndSaysWhyNot(t *testing.T) {
	world := begin(t)
	world.put(t, "junk.csr", []byte("junk"))
	world.says(t, `"junk.csr" is not signed: it is no PEM certificate request`)
	world.put(t, "intermediate.csr", request(t, newKey(t), "CN=evil"))
	world.says(t, `"intermediate.csr" is not signed: the name is that of a certificate of the authority`)
	broken, _ := pem.Decode(request(t, newKey(t), "CN=web"))
	broken.Bytes[len(broken.Bytes)-1] ^= 1
	world.put(t, "broken.csr", pem.EncodeToMemory(broken))
	world.says(t, `"broken.csr" is not signed: the request is not signed by its own key`)
}

func TestAuthorityReplacesNothingThatIsNotItsOwn(t *testing.T) {
	world := begin(t)
	kept := map[string][]byte{}
	for name, text := range map[string]string{"both": "-----BEGIN PRIVATE KEY-----\n", "notes": "mine\n"} {
		kept[name] = []byte(text)
		world.put(t, name+".crt", kept[name])
		world.put(t, name+".csr", request(t, newKey(t), "CN=web"))
		world.says(t, `"`+name+`.crt" is there already`)
	}
	if err := os.Symlink(filepath.Join(world.dir, "notes.crt"), filepath.Join(world.dir, "link.crt")); err != nil {
		t.Fatal(err)
	}
	world.put(t, "link.csr", request(t, newKey(t), "CN=web"))
	world.says(t, `"link.crt" is there already`)
	for name, want := range kept {
		if got, err := os.ReadFile(filepath.Join(world.dir, name+".crt")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s.crt is now %q, %v", name, got, err)
		}
	}

	world.certified(t, "CN=first")
	again := request(t, newKey(t), "CN=second")
	world.put(t, "server.csr", again)
	for until := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(world.dir, "server.crt"))
		block, _ := pem.Decode(data)
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.Subject.CommonName == "second" {
			return
		}
		if time.Now().After(until) {
			t.Fatal("what it has signed itself is not replaced")
		}
	}
}

func TestPartnerListensOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "9443"} {
		if err := Run(t.Context(), Options{Dir: t.TempDir(), Listen: address, Out: io.Discard}); err == nil {
			t.Errorf("Run listens on %q", address)
		}
	}
}

func TestASecondPartnerLeavesTheFirstOneAlone(t *testing.T) {
	world := begin(t)
	before, err := os.ReadFile(filepath.Join(world.dir, "intermediate.crt"))
	if err != nil {
		t.Fatal(err)
	}
	second := Options{Dir: world.dir, Listen: strings.TrimPrefix(world.url, "https://"), Out: io.Discard}
	if err := Run(t.Context(), second); err == nil || !strings.Contains(err.Error(), "choose another port with --listen") {
		t.Errorf("the second partner: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(world.dir, "intermediate.crt"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("it has replaced the authority of the first: %v", err)
	}
}

// A world is a partner that runs for a test.
type world struct {
	dir, url string
	out      *output
}

func begin(t *testing.T) *world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &world{dir: filepath.Join(t.TempDir(), "part[n]er"), out: &output{}}
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Dir: w.dir, Listen: "127.0.0.1:0", Out: w.out}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	_, rest, _ := strings.Cut(w.says(t, "my API is https://"), "my API is ")
	w.url, _, _ = strings.Cut(rest, ";")
	return w
}

// says waits until the partner has said text and returns all that it said.
func (w *world) says(t *testing.T, text string) string {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); <-time.After(5 * time.Millisecond) {
		if all := w.out.String(); strings.Contains(all, text) {
			return all
		}
	}
	t.Fatalf("the partner never says %q, but:\n%s", text, w.out)
	return ""
}

func (w *world) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certified has the partner sign a request.
func (w *world) certified(t *testing.T, dn string, names ...string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	w.put(t, "server.csr", request(t, key, dn, names...))
	w.says(t, `"server.csr" is signed`)
	var chain [][]byte
	for _, file := range []string{"server.crt", "intermediate.crt"} {
		data, err := os.ReadFile(filepath.Join(w.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		chain = append(chain, block.Bytes)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key}
}

func (w *world) anchors(t *testing.T) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "intermediate.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	return pool
}

func (w *world) call(t *testing.T, cert tls.Certificate, method, path, body string) (int, map[string]any) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:              w.anchors(t),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var content map[string]any
	if err := json.NewDecoder(response.Body).Decode(&content); err != nil {
		t.Fatalf("%s: %v", response.Status, err)
	}
	return response.StatusCode, content
}

type received struct{ subject, path, body string }

type hook struct {
	url      string
	requests chan received
}

// receiver stands for the gate of the user.
func receiver(t *testing.T, cert tls.Certificate, anchors *x509.CertPool) hook {
	t.Helper()
	h := hook{requests: make(chan received, 1)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		name, _ := subject.FromDER(r.TLS.PeerCertificates[0].RawSubject)
		h.requests <- received{name.String(), r.URL.RequestURI(), string(body)}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: anchors}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	h.url = "https://localhost:" + port
	return h
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(t *testing.T, key *ecdsa.PrivateKey, dn string, names ...string) []byte {
	t.Helper()
	name, err := subject.Parse(dn)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: name.DER(), DNSNames: names}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// output is what the partner says; safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
