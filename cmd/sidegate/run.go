package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/config"
)

const runHelp = `sidegate run - serve: mutual TLS in, the application behind

Usage:
    sidegate run --config FILE
    sidegate run --upstream URL --certificate PATH --client-ca PATH...
                 --allow-subject DN... [--listen ADDR] [FLAG...]

The second form is the first without a file, for one listener and whole
Subjects. A flag that is marked with ... may be given several times.

    --config FILE         the configuration, see docs/config.md. It is followed:
                          a change is taken into use without a restart
    --upstream URL        the application: http://127.0.0.1:8080,
                          h2c://127.0.0.1:9000 or unix:///run/app.sock
    --certificate PATH    the server certificate: a directory with tls.crt and
                          tls.key, or one file with key and chain
    --key FILE            the private key, if --certificate is a file without it
    --client-ca PATH...   the CAs of the clients: PEM files or directories
    --crl PATH...         revocation lists of these CAs: PEM or DER files, or
                          directories of them
    --allow-subject DN... whom to let in; "sidegate subject" prints what to write
    --listen ADDR         where to listen for mutual TLS (default :8443)
    --http2               offer HTTP/2 (default: if the upstream is h2c://)
    --websocket           let clients switch to WebSocket
    --health ADDR         probes and metrics (default :9901; off: none)
    --admin ADDR          status page, loopback only (default 127.0.0.1:9902;
                          off: none)
    --log-format FORMAT   json (default) or text
    --log-level LEVEL     info (default) or debug

SIGTERM, SIGINT and SIGHUP end it: it becomes not ready, goes on for drainDelay,
lets the requests under way finish within drainTimeout, and exits. A second
signal ends it at once, with exit code 1. "sidegate drain" announces a SIGTERM.

Changed certificates and revocation lists are taken into use without a restart,
or any signal. What cannot be used, these or the configuration, changes nothing
and is logged.
`

// run is the command run.
func run(ctx context.Context, args []string, std streams) error {
	leave, forget := leaveSignals() // first of all: until then the signal would be the end
	defer forget()
	cfg, file, err := runConfig(args)
	if err != nil {
		return err
	}
	lines := newJournal(std.err, cfg.Log)
	log := lines.Logger()
	adoptStandardLog(log)
	log.Info("starting", "version", buildVersion(), "goVersion", runtime.Version(), "file", file)
	if w := goWarning(runtime.Version()); w != "" {
		log.Info("this binary is not safe", "warning", w)
	}
	logWarnings(log, cfg)

	return untilSignal(ctx, log, func(ctx context.Context) error {
		s, err := newSidecar(ctx, cfg, sidecarOptions{ConfigFile: file, Log: log, Leave: leave, LogChanged: lines.Configure})
		if err != nil {
			return err
		}
		return s.Run(ctx)
	})
}

// untilSignal runs serve and ends its context at the first SIGTERM, SIGINT or
// SIGHUP, which would end the process without a drain otherwise. It returns the
// error of serve, unless a second signal comes first: then it
// does not wait, because whoever sends one does not want to, and the end of the
// process ends what is left.
func untilSignal(ctx context.Context, log logr.Logger, serve func(context.Context) error) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if !signal.Ignored(syscall.SIGHUP) { // as by nohup, whose user wants it to go on
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	for asked := false; ; asked = true {
		select {
		case err := <-done:
			return err
		case s := <-signals:
			if asked {
				return fmt.Errorf("a second signal (%v) ended it at once; requests may have been cut off", s)
			}
			log.Info("signal received", "signal", s.String())
			stop()
		}
	}
}

// runConfig returns the configuration that args name or describe, and the file
// it is in, if it is in one.
func runConfig(args []string) (cfg *config.Config, file string, err error) {
	var f runFlags
	if err := f.parse(args); err != nil {
		return nil, "", err
	}
	if f.config == "" {
		cfg, err = f.build()
		return cfg, "", err
	}
	if cfg, err = config.Load(f.config); err != nil {
		return nil, "", misuse(err)
	}
	return cfg, f.config, nil
}
