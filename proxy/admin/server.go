package admin

import (
	"net/http"
	"time"
)

// NewServer returns a server for one of the handlers of this package. What one
// caller can hold is bounded in time and size, and each connection carries one
// request: kubelet and Prometheus come seldom, and idle connections from
// elsewhere have no business here. ErrorLog is left to the caller.
func NewServer(h http.Handler) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // a scrape over a slow line
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    8 << 10,

		DisableGeneralOptionsHandler: true, // OPTIONS * is not among what is answered
	}
	s.SetKeepAlivesEnabled(false)
	return s
}

// routes answers GET and HEAD of exactly these paths, and 404 to all else. It
// never redirects, as [http.ServeMux] does to clean a path.
type routes map[string]http.HandlerFunc

// ServeHTTP implements http.Handler.
func (rs routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := rs[r.URL.Path]
	if h == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}
