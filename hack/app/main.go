// App is the application of the README: a plain HTTP server that answers with
// the request it was sent, so that one sees what Sidegate tells the application
// behind it. It listens on its one argument, or on 127.0.0.1:8080:
//
//	go run ./hack/app 127.0.0.1:8080
//
// It stands for any application: it knows nothing of TLS or of Sidegate.
package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	addr := "127.0.0.1:8080"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	srv := &http.Server{Addr: addr, Handler: http.HandlerFunc(show), ReadHeaderTimeout: 10 * time.Second}
	if err := srv.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
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
