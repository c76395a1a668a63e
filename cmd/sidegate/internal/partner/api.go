package partner

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

// An api is the partner's service. Whoever has a certificate of the authority
// may call it, as in the test environment of a real partner.
type api struct {
	authority *authority
	hooks     *webhooks
	log       func(format string, a ...any)
}

// server returns the service, to be started with ServeTLS.
func (a *api) server(cert tls.Certificate) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/webhook", a.register)
	mux.HandleFunc("/", a.show)
	return &http.Server{
		Handler:           http.MaxBytesHandler(mux, maxRequest),
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      time.Minute,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{cert},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    a.authority.pool(),
		},
	}
}

// pool holds the intermediate: the anchor that everybody is given.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.ca.Leaf)
	return pool
}

// show answers with who called, as the partner saw it.
func (a *api) show(w http.ResponseWriter, r *http.Request) {
	caller, err := callerOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	a.log("%q %q from %q", r.Method, r.URL.EscapedPath(), caller)
	answer(w, http.StatusOK, map[string]string{"caller": caller, "method": r.Method, "path": r.URL.Path})
}

// register takes a webhook's URL, and tries it at once.
func (a *api) register(w http.ResponseWriter, r *http.Request) {
	caller, err := callerOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	var wanted registration
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		http.Error(w, `the body is not JSON such as {"type": "PEPPOL_INVOICE_RECEIVED", "url": "https://localhost:8443"}`, http.StatusBadRequest)
		return
	}
	a.log("webhook %q at %q, wanted by %q", wanted.Type, wanted.URL, caller)
	told, err := a.hooks.deliver(r.Context(), wanted)
	if err != nil {
		a.log("webhook not delivered: %q", err.Error())
		answer(w, http.StatusUnprocessableEntity, map[string]string{"caller": caller, "error": err.Error()})
		return
	}
	a.log("webhook delivered: the answer was %d", told.Status)
	answer(w, http.StatusCreated, map[string]any{"caller": caller, "webhook": told})
}

// callerOf returns the Subject of the certificate that a request came with.
func callerOf(r *http.Request) (string, error) {
	name, err := subject.FromDER(r.TLS.PeerCertificates[0].RawSubject) // one is required
	return name.String(), err
}

func answer(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(content) // whoever went away does not read it
}
