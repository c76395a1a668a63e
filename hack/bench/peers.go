package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"
)

// A peer is a proxy that is measured: Sidegate itself, or another.
type peer struct {
	name   string
	title  string
	config string // template in configs; empty: arguments alone
	argv   func(binary string, s *setting) []string

	// tcpOnly: it speaks TLS and TCP, but not HTTP. It checks the common name
	// and tells the application nothing.
	tcpOnly bool

	// subject is what the application is told.
	subject string

	find func(ctx context.Context, b *bench) (found, error)
}

// A setting is what the templates are filled with.
type setting struct {
	variant
	Dir     string // of certificates
	Work    string // of this process alone
	Port    int
	App     string
	Workers int
	// Connections is how many of the clients there may be. Higher limits need
	// more open files than every machine allows, and nginx pays memory for them.
	Connections int
	Root        bool // we are root, and nginx would give its workers to somebody else

	Subject, SlashSubject string
}

// A variant is how a proxy is set up for a row.
type variant struct {
	HTTP2     bool
	Server    string // certificate
	AccessLog bool   // sidegate alone; all others have none
	FreshApp  bool   // nginx as it comes: a new connection to the application for each request
}

// workers is the number of threads or processes that each proxy works with.
const workers = 2

//go:embed configs
var configs embed.FS

// peers are the proxies, Sidegate first.
func peers() []*peer {
	return []*peer{
		{
			name: "sidegate", title: "Sidegate", config: "sidegate.yaml", subject: clientSubject, find: findSidegate,
			argv: func(binary string, s *setting) []string { return []string{binary, "run", "--config", "sidegate.yaml"} },
		},
		{
			name: "nginx", title: "nginx", config: "nginx.conf", subject: clientSubject, find: findNginx,
			argv: func(binary string, s *setting) []string {
				return []string{binary, "-p", s.Work, "-e", "stderr", "-c", filepath.Join(s.Work, "nginx.conf")}
			},
		},
		{
			name: "haproxy", title: "HAProxy", config: "haproxy.cfg", subject: clientSlashSubject, find: findHAProxy,
			argv: func(binary string, s *setting) []string { return []string{binary, "-db", "-f", "haproxy.cfg"} },
		},
		{
			name: "ghostunnel", title: "ghostunnel (TCP)", tcpOnly: true, find: findGhostunnel,
			argv: ghostunnelArgs,
		},
		{
			name: "caddy", title: "Caddy", config: "Caddyfile", subject: clientSubject, find: findCaddy,
			argv: func(binary string, s *setting) []string {
				return []string{binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile"}
			},
		},
	}
}

func ghostunnelArgs(binary string, s *setting) []string {
	return []string{
		binary, "server", "--quiet=all", "--shutdown-timeout=1s",
		"--listen", fmt.Sprintf("127.0.0.1:%d", s.Port), "--target", s.App,
		"--cert", filepath.Join(s.Dir, s.Server+".pem"), "--key", filepath.Join(s.Dir, s.Server+".pem"),
		"--cacert", filepath.Join(s.Dir, "ca.pem"), "--allow-cn", "client.bench.example",
	}
}

func peerNames() (names []string) {
	for _, p := range peers() {
		names = append(names, p.name)
	}
	return names
}

// An instance is a running peer.
type instance struct {
	*process
	peer *peer
	addr string
	variant
}

// launch starts a peer and waits until it listens. What it writes goes below
// dir, which must not be there yet.
func (b *bench) launch(ctx context.Context, c *contender, v variant, dir string, env ...string) (*instance, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &setting{
		variant: v, Dir: b.dir, Work: dir, Port: port, App: b.app, Workers: workers, Connections: 2*b.idle + 500, Root: os.Geteuid() == 0,
		Subject: clientSubject, SlashSubject: clientSlashSubject,
	}
	if c.config != "" {
		if err := writeConfig(c.config, s); err != nil {
			return nil, err
		}
	}
	// Where they look for a home, and how many cores the ones in Go take.
	env = append(env, "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, fmt.Sprintf("GOMAXPROCS=%d", workers))
	p, err := start(c.title, c.argv(c.binary, s), env, dir)
	if err != nil {
		return nil, err
	}
	i := &instance{process: p, peer: c.peer, addr: fmt.Sprintf("127.0.0.1:%d", port), variant: v}
	if err := i.listening(ctx, i.addr); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

func writeConfig(name string, s *setting) error {
	t, err := template.ParseFS(configs, "configs/"+name)
	if err != nil {
		return fmt.Errorf("read configuration %q: %w", name, err)
	}
	var text bytes.Buffer
	if err := t.Option("missingkey=error").Execute(&text, s); err != nil {
		return fmt.Errorf("fill in configuration %q: %w", name, err)
	}
	return os.WriteFile(filepath.Join(s.Work, name), text.Bytes(), 0o644)
}

// freePort returns a port that nobody listens on at this moment.
func freePort(ctx context.Context) (int, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
