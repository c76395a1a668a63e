package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/sidegate/sidegate/proxy/admin"
)

// listen binds the address for probes and metrics; no address, no listener.
func listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen for probes: %w; another process has it: stop it, or use another --listen", err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for probes: %w", err)
	}
	return ln, nil
}

// serveHealth answers probes and scrapes until ctx is done. A controller that
// waits for the lease is ready as soon as the caches of a namespace are full: it
// is what takes over.
func serveHealth(ctx context.Context, ln net.Listener, m *controllerMetrics, v *view) error {
	server := admin.NewServer(admin.NewHealth(admin.Probe{
		Started: v.ready,
		Ready: func() error {
			if !v.ready() {
				return errors.New("the caches of no namespace are full yet")
			}
			return nil
		},
		Metrics: m.registry,
	}))
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve probes: %w", err)
	}
	return nil
}
