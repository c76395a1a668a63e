// App is the application of the end-to-end tests: a plain HTTP server that
// knows nothing of TLS. It answers with the headers it was sent, and it can be
// as awkward as applications are:
//
//	GET  /            200, the request line and the headers, sorted
//	GET  /slow?for=2s the same, after two seconds
//	GET  /partner     what the partner answers, called by way of the egress
//	POST /exit        the process ends at once with status 3
//
// It listens on its one argument, or on 127.0.0.1:8080, so that nobody gets past
// the sidecar. The environment may say more: START_AFTER is a time during which
// it does not listen yet, RUN_FOR a time after which it ends with status 0, as
// the process of a Job does. On SIGTERM it finishes the requests it has, and
// leaves.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const exitOnDemand = 3

// egress is where the sidecar takes calls to the partner.
const egress = "http://127.0.0.1:8081"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends or RUN_FOR is over.
func run(ctx context.Context) error {
	late, err := duration("START_AFTER")
	if err != nil {
		return err
	}
	life, err := duration("RUN_FOR")
	if err != nil {
		return err
	}
	if life > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, life)
		defer cancel()
	}
	select {
	case <-time.After(late):
	case <-ctx.Done():
		return nil
	}
	return serve(ctx)
}

func serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/", show)
	mux.HandleFunc("GET /slow", slow)
	mux.HandleFunc("GET /partner", partner)
	mux.HandleFunc("POST /exit", func(http.ResponseWriter, *http.Request) { os.Exit(exitOnDemand) })
	addr := "127.0.0.1:8080"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %q: %w", addr, err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return srv.Shutdown(drain)
}

// show answers with the request line and the headers, sorted.
func show(w http.ResponseWriter, r *http.Request) {
	var lines []string
	for name, values := range r.Header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(lines)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "%s %s\n%s\n", r.Method, r.URL.RequestURI(), strings.Join(lines, "\n"))
}

// slow is show, later.
func slow(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(wait):
		show(w, r)
	case <-r.Context().Done():
	}
}

// partner calls the partner as an application does that leaves TLS to the sidecar.
func partner(w http.ResponseWriter, r *http.Request) {
	call, err := http.NewRequestWithContext(r.Context(), http.MethodGet, egress+"/orders", nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer, err := http.DefaultClient.Do(call)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// duration reads an environment variable; unset means none.
func duration(name string) (time.Duration, error) {
	text := os.Getenv(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("environment variable %s: %w", name, err)
	}
	return d, nil
}
