package main

import (
	"context"
	"crypto/tls"
	"time"
)

// A row is one kind of work, measured with every proxy.
type row struct {
	name, title string
	variant     variant
	kind        kind
	goal        goal
	sidegate    bool // nobody else is measured
	withNginx   bool // nobody but Sidegate and nginx is
	http        bool // needs a proxy that understands HTTP

	// measure takes one turn. Nil: memory, which idleTurn reads for all at once.
	measure func(ctx context.Context, b *bench, i *instance) (sample, error)
}

// A kind says what the figure of a row is.
type kind int

const (
	cpuPerRequest kind = iota // µs
	mbPerCPU                  // MB a CPU second; more is better
	kibPerConn                // KiB PSS
	mibProcess                // MiB PSS
)

func (k kind) unit() string {
	return [...]string{"CPU µs/request", "MB/CPU s", "KiB", "MiB"}[k]
}

// A goal is a limit for Sidegate's figure: factor times the figure of a peer, or
// factor itself if there is no peer. With mbPerCPU it is a least, else a most.
type goal struct {
	peer   string
	factor float64
	first  float64 // a step on the way; 0: none
}

// rows are those of the goals, and a few more: what a request costs a proxy that is
// not busy, what an access log costs, and what nginx costs without a pool of
// connections to the application, which has to be configured.
func rows() []row {
	plain := variant{Server: serverP256}
	return []row{
		{name: "get", title: "HTTP/1.1 keep-alive GET, 16 connections", variant: plain,
			goal: goal{peer: "nginx", factor: 0.6}, measure: get},
		{name: "get-light", title: "the same, each connection resting 5 ms between requests", variant: plain, measure: getLight},
		{name: "get-nopool", title: "the first, nginx as it comes: a new connection to the application for each request",
			variant: variant{Server: serverP256, FreshApp: true}, withNginx: true, measure: get},
		{name: "get-log", title: "the first with a log line for each request, to a file", variant: variant{Server: serverP256, AccessLog: true},
			sidegate: true, measure: get},
		{name: "post", title: "HTTP/1.1 keep-alive POST of 16 KiB, 16 connections", variant: plain,
			goal: goal{peer: "haproxy", factor: 0.8}, measure: post},
		{name: "h2", title: "HTTP/2 GET, 4 connections × 16 streams", variant: variant{Server: serverP256, HTTP2: true}, http: true,
			goal: goal{peer: "nginx", factor: 1.0, first: 1.8}, measure: getHTTP2},
		{name: "h2-nopool", title: "the same, nginx as it comes", variant: variant{Server: serverP256, HTTP2: true, FreshApp: true},
			withNginx: true, http: true, measure: getHTTP2},
		{name: "handshake", title: "full handshake, P-256 at both ends, and a GET", variant: plain,
			goal: goal{peer: "nginx", factor: 0.45}, measure: handshake},
		{name: "handshake-rsa", title: "full handshake, RSA-4096 server key, and a GET", variant: variant{Server: serverRSA},
			goal: goal{peer: "nginx", factor: 1.2}, measure: handshake},
		{name: "resumed", title: "resumed handshake and a GET", variant: plain,
			goal: goal{peer: "nginx", factor: 0.75}, measure: resumed},
		{name: "download", title: "downloads of 10 MiB, 4 connections", variant: plain, kind: mbPerCPU,
			goal: goal{peer: "nginx", factor: 1.4}, measure: download},
		{name: idleConn, title: "an idle connection that has made a request, PSS", variant: plain, kind: kibPerConn,
			goal: goal{peer: "nginx", factor: 1.0}},
		{name: idleProcess, title: "the idle process, PSS", variant: plain, kind: mibProcess,
			goal: goal{factor: 10}},
	}
}

func rowNames() (names []string) {
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// figure is what the row shows of a sample.
func (k kind) figure(s sample) float64 {
	switch k {
	case mbPerCPU:
		return float64(s.bytes) / 1e6 / s.cpu.Seconds()
	case kibPerConn:
		return s.memory / (1 << 10)
	case mibProcess:
		return s.memory / (1 << 20)
	}
	return float64(s.cpu.Nanoseconds()) / 1e3 / float64(s.requests)
}

// overHTTP1 is the TLS configuration of the client that is let in.
func (b *bench) overHTTP1() *tls.Config { return b.pki.config(b.pki.client, "http/1.1") }

func get(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(16, func() worker { return keepAlive(i.addr, b.overHTTP1(), getRequest, smallBody, 0) }))
}

// getLight leaves the proxy idle most of the time, as most sidecars are: it wakes
// up for one request, where under full load it finds several.
func getLight(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(16, func() worker { return keepAlive(i.addr, b.overHTTP1(), getRequest, smallBody, 5*time.Millisecond) }))
}

func post(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(16, func() worker { return keepAlive(i.addr, b.overHTTP1(), postRequest, smallBody, 0) }))
}

func getHTTP2(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(4, func() worker { return streams(i.addr, b.pki.config(b.pki.client, "h2"), 16) }))
}

func handshake(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(4, func() worker { return connections(i.addr, b.overHTTP1()) }))
}

func resumed(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(4, func() worker { return resumptions(i.addr, b.overHTTP1()) }))
}

func download(ctx context.Context, b *bench, i *instance) (sample, error) {
	return b.load(ctx, i.pid(), times(4, func() worker { return keepAlive(i.addr, b.overHTTP1(), downloadRequest, downloadBody, 0) }))
}
