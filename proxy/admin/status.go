package admin

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// NewStatus returns the handler for people: GET or HEAD of / (HTML) and
// /status.json (a [Report]), and 404 for anything else. snapshot is called for
// each request, concurrently.
//
// The handler is for a listener on loopback, and holds that the request was
// meant for one: a Host that is neither localhost nor a loopback address is
// refused with 403, and so is what another site's page asks for. A link or a
// bookmark may lead here from anywhere.
func NewStatus(snapshot func() Snapshot) http.Handler {
	pages := routes{
		"/": func(w http.ResponseWriter, r *http.Request) {
			write(w, "text/html; charset=utf-8", renderPage(report(snapshot()), r.URL.Query().Get("refresh") != "off"), nil)
		},
		"/status.json": func(w http.ResponseWriter, _ *http.Request) {
			b, err := renderJSON(report(snapshot()))
			write(w, "application/json", b, err)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard(w.Header())
		switch {
		case !loopback(r.Host):
			http.Error(w, "The status page answers only under a loopback name, as protection against DNS rebinding.\n"+
				"Use kubectl port-forward and open http://localhost:9902/ (with the port that you forward).", http.StatusForbidden)
		case foreign(r.Header):
			http.Error(w, "The status page is not for other sites' pages. Open it in a tab of its own.", http.StatusForbidden)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// guard tells browsers to load, run, frame, keep and pass on nothing.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// loopback reports whether a Host (RFC 9110 §7.2), with any port or none, is
// localhost or a loopback address. Under DNS rebinding a browser is on another
// site's name and sends that name.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return ok && err == nil && a.Is6() && a.Zone() == "" && a.Unmap().IsLoopback()
	}
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Is4() && a.IsLoopback()
}

// foreign reports whether a browser says that another origin wants the answer
// for a page of its own (Fetch Metadata). A navigation of a whole tab is
// harmless: nothing is changed by it, and that origin cannot read it. What is
// no browser sends none of these fields.
func foreign(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document"
}

func renderJSON(r *Report) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return b.Bytes(), err
}

// write sends a whole answer, or none.
func write(w http.ResponseWriter, contentType string, body []byte, err error) {
	if err != nil {
		http.Error(w, "The status cannot be rendered: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body)
}
