package config

import (
	"log/slog"
	"time"
)

// Config is the whole document. Like every comment here, this one is the manual
// from its second paragraph on.
//
// Keys are case-sensitive. A duration is a number with a unit, such as `10s`,
// `1m30s` or `250ms`; it is never negative. A size is a whole number of bytes.
// Where a list of texts is wanted, a single text stands for a list of one. A relative
// path of a file begins at the working directory of the process.
// Anchors, aliases, merge keys, tags and keys without a value are refused.
//
// When the file changes, the new document is used without a restart. One that
// has an error changes nothing: the last good one stays in use, and the error is
// logged, counted and shown on the status page. Only changed addresses and names
// of listeners wait for the next start.
type Config struct {
	// The listeners for partners who call the application, one entry each: mutual TLS on the
	// outside, one application on the inside, and between them the list of who may pass.
	// At most 64 entries, and at least one unless there is an `egress`.
	//
	// When the file changes, a running listener goes on as the entry with its `listen`
	// address, wherever in the list that is. Without one it goes on as the entry with its
	// `name`, and keeps the old address until the restart. A default name does not count
	// for that, because `ingress-2` only tells a place in the list, unless there was one
	// entry at the start and is one now. Without either **it lets nobody in**: it answers
	// every request with 403, and the log and the status page show an error, until an entry
	// for it is back or a restart closes the address. A new entry is served after the
	// next start.
	Ingress []Ingress `yaml:"ingress" default:"none; required unless there is an egress"`

	// The listeners for the application's own calls to partners, one entry each: plaintext
	// on loopback, mutual TLS on the outside. At most 64 entries.
	//
	// When the file changes, a running listener goes on as one of the entries by the rules of
	// [`ingress`](#ingress). One that has none left **calls nobody**: it answers every
	// request with 503 and `withdrawn`, and the log and the status page show an
	// error, until an entry for it is back or a restart closes the address.
	Egress []Egress `yaml:"egress"`

	// The plaintext listener for machines: `/livez`, `/readyz`, `/startz` and
	// `/metrics`. It tells nothing sensitive.
	Health Health `yaml:"health"`

	// The listener of the status page, which shows who is let in and which
	// certificates are in use. It is for loopback only; reach it with
	// `kubectl port-forward`.
	Admin Admin `yaml:"admin"`

	// What is logged, and how. Logs go to standard error.
	Log Log `yaml:"log"`

	// How long to wait at the start for certificate files that are missing or
	// not usable yet. Set it when a Secret may be created after the pod (its volume needs
	// `optional: true` then). With `0s` a missing file ends the process at once, and
	// Kubernetes starts it again.
	StartupWait time.Duration `yaml:"startupWait"`

	// How long to go on accepting connections after SIGTERM. Kubernetes takes a
	// moment to tell everybody that a pod is leaving, and connections that come in
	// that moment should succeed. The time that has passed since `sidegate drain`
	// counts. Not above `drainTimeout`.
	//
	// An `egress` goes on for longer: until the requests of every `ingress` are done, since
	// the application may have calls to make for them, and without any `ingress` for this
	// time. As a native sidecar it gets SIGTERM only when the application has ended anyway.
	DrainDelay time.Duration `yaml:"drainDelay"`

	// How long the whole shutdown may take, `drainDelay` included: first of every `ingress`,
	// then, in what is left, of every `egress`. Requests that are not finished by then are
	// cut off. Keep it below the pod's
	// `terminationGracePeriodSeconds` (30 unless set), or the kubelet ends it earlier.
	// Above 0.
	DrainTimeout time.Duration `yaml:"drainTimeout"`
}

// Health is the listener for probes and metrics.
type Health struct {
	// The address, as `host:port`. It has to be on the pod's IP, because the
	// kubelet asks from outside the pod and has no client certificate.
	// `off` or an empty text: no such listener.
	Listen string `yaml:"listen"`
}

// Admin is the listener of the status page.
type Admin struct {
	// The address, as `host:port`. The host must be a loopback address, anything
	// else is refused. `off` or an empty text: no such listener.
	Listen string `yaml:"listen"`
}

// Log says what is logged.
type Log struct {
	// `json` is one JSON object a line, `text` is `key=value`.
	Format LogFormat `yaml:"format"`

	// `debug` adds what is wanted only while looking for a fault.
	Level LogLevel `yaml:"level"`

	// Whether each request gets a line. Refused requests get one in any case.
	Requests bool `yaml:"requests"`
}

// LogFormat is the shape of a log line.
type LogFormat string

// The log formats.
const (
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// Choices returns every LogFormat there is.
func (LogFormat) Choices() []string { return choices(LogJSON, LogText) }

// LogLevel is the least important level that is logged.
type LogLevel string

// The log levels.
const (
	LogInfo  LogLevel = "info"
	LogDebug LogLevel = "debug"
)

// Choices returns every LogLevel there is.
func (LogLevel) Choices() []string { return choices(LogInfo, LogDebug) }

// Slog returns l as the standard library spells it.
func (l LogLevel) Slog() slog.Level {
	if l == LogDebug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Default returns the Config that an empty document would mean, were one
// accepted: everything at its default, and no listener. Append to Ingress what
// [DefaultIngress] returns, or to Egress what [DefaultEgress] does, and call
// [Config.Validate].
func Default() Config {
	return Config{
		Health:       Health{Listen: ":9901"},
		Admin:        Admin{Listen: "127.0.0.1:9902"},
		Log:          Log{Format: LogJSON, Level: LogInfo, Requests: true},
		DrainDelay:   5 * time.Second,
		DrainTimeout: 25 * time.Second,
	}
}

// choices returns the texts of vs.
func choices[T ~string](vs ...T) []string {
	s := make([]string, len(vs))
	for i, v := range vs {
		s[i] = string(v)
	}
	return s
}
