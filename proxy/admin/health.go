package admin

import (
	"fmt"
	"io"
	"net/http"

	"github.com/sidegate/sidegate/proxy/metric"
)

// Probe is what the health listener is told. Its functions are called for each
// request, concurrently, and must not block. The zero Probe is alive, but
// neither started nor ready.
type Probe struct {
	// Started reports whether everything is listening (/startz).
	Started func() bool

	// Ready returns nil if clients should be sent here (/readyz). The error
	// is for the log and the status page; the caller learns only that it is so.
	Ready func() error

	// Metrics are served at /metrics; nil serves none. They must not name
	// clients: everybody in the cluster can read them.
	Metrics *metric.Registry
}

// maxScrapes bounds the scrapes that run at once; more are answered 503.
const maxScrapes = 4

// NewHealth returns the handler for kubelet and Prometheus: GET or HEAD of
// /livez, /startz, /readyz and /metrics, and 404 for anything else. The probes
// answer 200 "ok", or 503 and two words (Kubernetes asks for a status below
// 400).
func NewHealth(p Probe) http.Handler {
	h := routes{
		"/livez":  answer("", func() bool { return true }), // that it answers is the answer
		"/startz": answer("not started", func() bool { return p.Started != nil && p.Started() }),
		"/readyz": answer("not ready", func() bool { return p.Ready != nil && p.Ready() == nil }),
	}
	if p.Metrics != nil {
		h["/metrics"] = scrape(p.Metrics)
	}
	return h
}

// answer says "ok", or no in two words.
func answer(no string, good func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !good() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, no+"\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}

// scrape answers with all of reg.
func scrape(reg *metric.Registry) http.HandlerFunc {
	places := make(chan struct{}, maxScrapes)
	return func(w http.ResponseWriter, _ *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			http.Error(w, fmt.Sprintf("%d scrapes are under way already; try again later.", maxScrapes), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", metric.ContentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(reg.Append(nil))
	}
}
